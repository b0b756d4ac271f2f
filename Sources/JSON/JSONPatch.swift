/// RFC 6902 patches, as far as we make them: what turns one value into another.
package struct JSONPatch {
    /// Bytes of paths that are worth writing down; what differs in more places is replaced as a whole.
    private static let maximumPathBytes = 1 << 20
    /// Elements that are compared to match those of all arrays; the arrays that are left then are replaced.
    private static let maximumComparisons = 4_000_000

    private struct IsLarge: Error {}

    private var operations: [JSONValue] = []
    private var pathBytes = maximumPathBytes
    private var comparisons = maximumComparisons

    /// The operations, in order, as the JSON array a client applies; empty when the values are equal.
    ///
    /// Only `add`, `remove` and `replace`. Elements of arrays are matched, so that an insertion at the front is one
    /// operation and not a replacement of all that follows. Time and answer are bounded by the values' size, whatever is
    /// in them: values that differ all over are answered with one `replace`.
    package static func difference(from old: JSONValue, to new: JSONValue) -> JSONValue {
        var patch = JSONPatch()
        do throws(IsLarge) { try patch.compare(old, new, at: "") } catch {
            return [["op": "replace", "path": "", "value": new]]
        }
        return .array(patch.operations)
    }

    private mutating func compare(_ old: JSONValue, _ new: JSONValue, at path: String) throws(IsLarge) {
        switch (old, new) {
        case (.object(let old), .object(let new)): try compare(old, new, at: path)
        case (.array(let old), .array(let new)): try compare(old, new, at: path)
        default: if old != new { note("replace", path, new) }
        }
    }

    private mutating func compare(_ old: JSONObject, _ new: JSONObject, at path: String) throws(IsLarge) {
        for (key, value) in old {
            guard let changed = new[key] else {
                note("remove", try place(JSONPointer.escaped(key), in: path))
                continue
            }
            if value != changed { try compare(value, changed, at: try place(JSONPointer.escaped(key), in: path)) }
        }
        for (key, value) in new where old[key] == nil {
            note("add", try place(JSONPointer.escaped(key), in: path), value)
        }
    }

    private mutating func compare(_ old: [JSONValue], _ new: [JSONValue], at path: String) throws(IsLarge) {
        let steps = EditScript.steps(from: old, to: new, budget: &comparisons)
        guard comparisons >= 0 else {
            if old != new { note("replace", path, .array(new)) }
            return
        }
        // Positions in the array as it is when each operation is applied.
        var position = 0
        var removed: ArraySlice<JSONValue> = []
        func dropRest(_ patch: inout JSONPatch) throws(IsLarge) {
            for _ in removed { patch.note("remove", try patch.place("\(position)", in: path)) }
            removed.removeAll()
        }
        for step in steps {
            switch step {
            case .keep:
                try dropRest(&self)
                position += 1
            case .remove(let index):
                removed.append(old[index])
            case .insert(let index):
                let place = try place("\(position)", in: path)
                if let other = removed.popFirst() {
                    try compare(other, new[index], at: place)
                } else {
                    note("add", place, new[index])
                }
                position += 1
            }
        }
        try dropRest(&self)
    }

    private mutating func place(_ token: String, in path: String) throws(IsLarge) -> String {
        // An operation is more than its path.
        pathBytes -= path.utf8.count + token.utf8.count + 32
        guard pathBytes >= 0 else { throw IsLarge() }
        return "\(path)/\(token)"
    }

    private mutating func note(_ operation: String, _ path: String, _ value: JSONValue? = nil) {
        var object: JSONObject = ["op": .string(operation), "path": .string(path)]
        object["value"] = value
        operations.append(.object(object))
    }
}
