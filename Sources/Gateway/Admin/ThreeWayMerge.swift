package import JSON

/// Two changes of one document put together: mine on top of theirs.
///
/// Objects merge member by member; everything else, lists included, counts as one value. Where both changed the same
/// value in different ways mine stands, and its path is reported.
package struct ThreeWayMerge: Sendable, Equatable {
    package private(set) var document: JSONValue = .null
    /// JSON pointers of what both changed.
    package private(set) var overlaps: [String] = []

    package init(base: JSONValue, mine: JSONValue, theirs: JSONValue) {
        document = merge(base, mine, theirs, at: "") ?? .null
    }

    /// Nil: there is nothing at this place.
    private mutating func merge(
        _ base: JSONValue?, _ mine: JSONValue?, _ theirs: JSONValue?, at path: String
    ) -> JSONValue? {
        if mine == base || mine == theirs { return theirs }
        if theirs == base { return mine }
        guard case .object(let my)? = mine, case .object(let their)? = theirs else {
            overlaps.append(path)
            return mine
        }
        let old = base?.objectValue ?? [:]
        var merged = JSONObject()
        for (key, value) in their {
            merged[key] = merge(old[key], my[key], value, at: "\(path)/\(JSONPointer.escaped(key))")
        }
        for (key, value) in my where their[key] == nil {
            merged[key] = merge(old[key], value, nil, at: "\(path)/\(JSONPointer.escaped(key))")
        }
        return .object(merged)
    }
}
