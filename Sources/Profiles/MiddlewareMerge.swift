/// Merging of middleware lists between two layers: by `name#id`, or by name where the name is unique in both.
enum MiddlewareMerge {
    /// The upper list laid over the lower one: the same use is replaced in its place, a new one appended.
    ///
    /// - Returns: the merged list, and the positions in it that the upper list wrote.
    /// - Throws: where a use without an id could mean several; its author must give ids.
    static func merging(
        _ upper: [EffectiveMiddleware], over lower: [EffectiveMiddleware]
    ) throws(ValidationError) -> (merged: [EffectiveMiddleware], changed: [Int]) {
        if lower.isEmpty { return (upper, Array(upper.indices)) }
        var merged = lower
        var changed: [Int] = []
        for (index, use) in upper.enumerated() {
            if let position = try position(of: use, at: index, in: lower, upper) {
                var replacement = use
                replacement.id = use.id ?? lower[position].id
                merged[position] = replacement
                changed.append(position)
            } else {
                changed.append(merged.count)
                merged.append(use)
            }
        }
        return (merged, changed)
    }

    private static func position(
        of use: EffectiveMiddleware, at index: Int, in lower: [EffectiveMiddleware], _ upper: [EffectiveMiddleware]
    ) throws(ValidationError) -> Int? {
        var first: Int?
        var candidates = 0
        for (position, other) in lower.enumerated() where other.name == use.name {
            if use.id != nil, other.id == use.id { return position }
            first = first ?? position
            candidates += 1
        }
        guard let first else { return nil }
        let isUnique = candidates == 1 && upper.count { $0.name == use.name } == 1
        if use.id == nil {
            guard isUnique else {
                throw ValidationError(
                    field: "runtime.middlewares[\(index)].id",
                    reason: "middleware \"\(use.name)\" is used more than once in the stack; give each use an id")
            }
            return first
        }
        return isUnique && lower[first].id == nil ? first : nil
    }
}
