/// RFC 6902 patches, as far as we make them: what turns one value into another.
package enum JSONPatch {
    /// The operations, in order, as the JSON array a client applies; empty when the values are equal.
    ///
    /// Only `add`, `remove` and `replace`. Elements of arrays are matched, so that an insertion at the front is one
    /// operation and not a replacement of all that follows.
    package static func difference(from old: JSONValue, to new: JSONValue) -> JSONValue {
        var operations: [JSONValue] = []
        compare(old, new, at: "", into: &operations)
        return .array(operations)
    }

    private static func compare(
        _ old: JSONValue, _ new: JSONValue, at path: String, into operations: inout [JSONValue]
    ) {
        switch (old, new) {
        case (.object(let old), .object(let new)): compare(old, new, at: path, into: &operations)
        case (.array(let old), .array(let new)): compare(old, new, at: path, into: &operations)
        default:
            if old != new { operations.append(["op": "replace", "path": .string(path), "value": new]) }
        }
    }

    private static func compare(
        _ old: JSONObject, _ new: JSONObject, at path: String, into operations: inout [JSONValue]
    ) {
        for (key, value) in old {
            let place = "\(path)/\(JSONPointer.escaped(key))"
            if let changed = new[key] {
                compare(value, changed, at: place, into: &operations)
            } else {
                operations.append(["op": "remove", "path": .string(place)])
            }
        }
        for (key, value) in new where old[key] == nil {
            operations.append(["op": "add", "path": .string("\(path)/\(JSONPointer.escaped(key))"), "value": value])
        }
    }

    private static func compare(
        _ old: [JSONValue], _ new: [JSONValue], at path: String, into operations: inout [JSONValue]
    ) {
        // Positions in the array as it is when each operation is applied.
        var position = 0
        var removed: [JSONValue] = []
        func dropRest(_ operations: inout [JSONValue]) {
            for _ in removed { operations.append(["op": "remove", "path": "\(path)/\(position)"]) }
            removed.removeAll()
        }
        for step in EditScript.steps(from: old, to: new) {
            switch step {
            case .keep:
                dropRest(&operations)
                position += 1
            case .remove(let index):
                removed.append(old[index])
            case .insert(let index):
                if removed.isEmpty {
                    operations.append(["op": "add", "path": "\(path)/\(position)", "value": new[index]])
                } else {
                    compare(removed.removeFirst(), new[index], at: "\(path)/\(position)", into: &operations)
                }
                position += 1
            }
        }
        dropRest(&operations)
    }
}
