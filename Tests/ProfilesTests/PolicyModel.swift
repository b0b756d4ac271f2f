import JSON
import Profiles
import Testing

/// What the layers' own words make of an override, judged without the code that merges policies.
enum Denial {
    case closed, key, bounds

    /// nil: no layer denies it, and one allows it.
    init?(of overrides: String, by policies: [OverridePolicy]) throws {
        let (key, value) = try #require(try JSONValue(parsing: overrides).objectValue?.first { _ in true })
        let mentions = { (keys: [String]) in keys.contains { $0.lowercased() == key } }
        let words = policies.compactMap(\.allowOverrides)
        if words.isEmpty || words.contains(false) {
            self = .closed
        } else if policies.contains(where: {
            mentions($0.deniedOverrideKeys) || !($0.allowedOverrideKeys.map(mentions) ?? true)
        }) {
            self = .key
        } else {
            // The same setting by either of its names.
            let temperature =
                value["ai-chat"]?["ai-temperature"] ?? value["ai-inference"]?["inference-temperature"]
            guard let asked = temperature?.numberValue?.double else { return nil }
            let isOutside = policies.flatMap { $0.limits.values }.contains { limit in
                limit.maximum?.double.map { asked > $0 } ?? false || limit.minimum?.double.map { asked < $0 } ?? false
                    || limit.choices.map { !$0.contains { $0.numberValue?.double == asked } } ?? false
            }
            guard isOutside else { return nil }
            self = .bounds
        }
    }
}

/// A policy made from the words of its layers, as a trace has them.
struct PolicyReplay {
    private var denied: Set<String> = []
    private var allowed: Set<String>?
    private var fields: JSONObject = ["allow_overrides": false, "read_only": false]
    private var limits: JSONObject = [:]

    mutating func replay(_ entry: Trace.Entry, under field: String) {
        let values = entry.steps.map(\.value)
        let lists = values.map { Set(($0.arrayValue ?? []).compactMap { $0.stringValue?.lowercased() }) }
        switch field {
        case "allow_overrides", "pass_unknown": fields[field] = .bool(values.allSatisfy { $0 == true })
        case "read_only": fields[field] = .bool(values.contains(true))
        case "on_denied": fields[field] = values.last
        case "denied_override_keys": denied = lists.reduce([]) { $0.union($1) }
        case "allowed_override_keys":
            allowed = lists.dropFirst().reduce(lists.first ?? []) { $0.intersection($1) }
        default:
            var limit: JSONObject = [:]
            limit["min"] = values.compactMap { $0["min"] }.max(by: Self.isLess)
            limit["max"] = values.compactMap { $0["max"] }.min(by: Self.isLess)
            let choices = values.compactMap { $0["enum"]?.arrayValue }
            if let first = choices.first {
                limit["enum"] = .array(first.filter { choice in choices.allSatisfy { $0.contains(choice) } })
            }
            limits[String(field.dropFirst("limits/".count))] = .object(limit)
        }
        if !["denied_override_keys", "allowed_override_keys"].contains(field) {
            let now = field.hasPrefix("limits/") ? limits[String(field.dropFirst(7))] : fields[field]
            #expect(now?.canonical() == entry.value.canonical(), "\(entry)")
        }
    }

    private static func isLess(_ one: JSONValue, _ two: JSONValue) -> Bool {
        guard let one = one.numberValue?.double, let two = two.numberValue?.double else { return false }
        return one < two
    }

    var document: JSONValue {
        var document = fields
        func sorted(_ keys: Set<String>) -> JSONValue { .array(keys.sorted().map(JSONValue.string)) }
        if let allowed { document["allowed_override_keys"] = sorted(allowed.subtracting(denied)) }
        if !denied.isEmpty { document["denied_override_keys"] = sorted(denied) }
        if !limits.isEmpty { document["limits"] = .object(limits) }
        return .object(document)
    }
}
