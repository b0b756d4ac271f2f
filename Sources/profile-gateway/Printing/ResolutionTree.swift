import JSON

/// The answer of `POST /api/chat/resolve` as a tree: what a chat gets, and which layer each value comes from.
struct ResolutionTree {
    private let document: JSONValue
    private let entries: [TraceEntry]

    init(_ document: JSONValue) {
        self.document = document
        entries = (document["trace"]?.arrayValue ?? []).compactMap { TraceEntry($0) }
    }

    var text: String {
        let title = "\(document.text("runtime_key")) version \(document.text("version"))"
        let children = [lineage, prompt, tools, settings, middlewares, policy, extensions, upstream, warnings]
            .compactMap { $0 }
        return Tree(title, children + [Tree("fingerprint  " + document.text("fingerprint"))]).lines()
            .joined(separator: "\n")
    }

    private var warnings: Tree? {
        let found = document["warnings"]?.arrayValue?.compactMap(\.stringValue) ?? []
        return found.isEmpty ? nil : Tree("warnings", found.map { Tree($0) })
    }

    private var lineage: Tree {
        let layers = document["lineage"]?.arrayValue ?? []
        return Tree(
            "lineage, base first",
            layers.map { Tree("\($0.text("registry_slug"))/\($0.text("profile_slug"))@\($0.text("version"))") })
    }

    private var prompt: Tree {
        let source = entry("/runtime/system_prompt")?.source ?? ""
        guard let text = document["effective"]?["system_prompt"]?.stringValue else {
            return Tree("system prompt  none", source: source)
        }
        return Tree(
            "system prompt", source: source,
            text: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
    }

    private var tools: Tree {
        let names = document["effective"]?["tools"]?.arrayValue?.compactMap(\.stringValue)
        let text = names.map { $0.isEmpty ? "none" : $0.joined(separator: ", ") } ?? "not restricted"
        return Tree("tools  " + text, source: entry("/runtime/tools")?.source ?? "")
    }

    private var settings: Tree? { section("settings", below: "/runtime/step_settings_patch/", separator: ".") }

    private var middlewares: Tree? {
        let found = below("/runtime/middlewares/").map { name, entry -> Tree in
            let config = entry.value["config"].map { "  " + $0.compact } ?? ""
            let state = entry.value["enabled"]?.boolValue == false ? "  (disabled)" : ""
            return Tree(name + state + config, source: entry.source)
        }
        return found.isEmpty ? nil : Tree("middlewares", found)
    }

    private var policy: Tree {
        // The limits stand one by one below, each with its own source.
        let fields = below("/policy/").filter { !$0.0.hasPrefix("limits") }
        let limits = below("/policy/limits/")
        var children = Self.leaves(fields)
        if !limits.isEmpty { children.append(Tree("limits", Self.leaves(limits))) }
        return children.isEmpty ? Tree("policy  no overrides") : Tree("policy", children)
    }

    private var extensions: Tree? { section("extensions", below: "/extensions/", separator: "/") }

    private var upstream: Tree? {
        guard let upstream = document["upstream"], !upstream.isNull else { return nil }
        let url = upstream.text("url")
        return Tree("upstream  \(upstream.text("name")) (\(upstream.text("api")))" + (url.isEmpty ? "" : "  \(url)"))
    }

    private func section(_ title: String, below prefix: String, separator: String) -> Tree? {
        let found = below(prefix).map { ($0.0.replacing("/", with: separator), $0.1) }
        return found.isEmpty ? nil : Tree(title, Self.leaves(found))
    }

    private static func leaves(_ entries: [(String, TraceEntry)]) -> [Tree] {
        let width = min(44, entries.map(\.0.count).max() ?? 0)
        return entries.map { name, entry in
            let gap = String(repeating: " ", count: max(0, width - name.count) + 2)
            return Tree(name + gap + (entry.value.isNull ? "removed" : entry.value.compact), source: entry.source)
        }
    }

    private func entry(_ path: String) -> TraceEntry? { entries.first { $0.path == path } }

    /// Entries below a pointer: the rest of each path, unescaped.
    private func below(_ prefix: String) -> [(String, TraceEntry)] {
        entries.filter { $0.path.hasPrefix(prefix) }.map { entry in
            let rest = String(entry.path.dropFirst(prefix.count))
            return (rest.replacing("~1", with: "/").replacing("~0", with: "~"), entry)
        }
    }
}

/// One path of a trace and where its value comes from.
private struct TraceEntry {
    let path: String
    let value: JSONValue
    private let steps: [(layer: String, value: JSONValue)]

    init?(_ entry: JSONValue) {
        guard let path = entry["path"]?.stringValue else { return nil }
        self.path = path
        value = entry["value"] ?? .null
        steps = (entry["steps"]?.arrayValue ?? []).compactMap { step in
            step["layer"]?.stringValue.map { ($0, step["value"] ?? .null) }
        }
    }

    /// The layer whose word it is, then what the others said; what nobody said alone is everybody's.
    var source: String {
        guard let owner = steps.lastIndex(where: { $0.value == value }) else {
            return steps.map(\.layer).joined(separator: " + ")
        }
        let others = steps.indices.reversed().filter { $0 != owner && steps[$0].value != value }
            .map { "\(steps[$0].layer): \(steps[$0].value.summary)" }
        return steps[owner].layer + (others.isEmpty ? "" : "  (" + others.joined(separator: ", ") + ")")
    }
}

extension JSONValue {
    fileprivate var compact: String { String(decoding: encoded(), as: UTF8.self) }

    /// Short enough to stand beside another value.
    fileprivate var summary: String {
        let text = compact
        return text.count > 32 ? text.prefix(31) + "…" : text
    }
}
