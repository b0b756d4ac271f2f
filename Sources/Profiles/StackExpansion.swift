/// The layers of a profile's stack in merge order: depth-first, post-order, each profile once (origin 5.1).
package struct StackExpansion {
    /// Most profiles on one path, the requested one included.
    package static let maximumDepth = 32
    /// Most profiles in one expansion, the requested one included. The origin has no such bound; without one a bundle of
    /// profiles over one wide stack costs the square of its size.
    package static let maximumLayers = 1024

    /// One profile of the expansion.
    package struct Layer: Sendable {
        package let id: ProfileID
        package let profile: Profile
    }

    package private(set) var layers: [Layer] = []
    /// Longest path below and including each expanded profile, and the reference it goes through.
    private var heights: [ProfileID: (height: Int, next: ProfileID?)] = [:]
    private var path: [ProfileID] = []

    /// - Throws: at `registry.profiles[<referrer>].stack[i]` for a path deeper than 32, a cycle, a missing registry or
    ///   profile, more than 1,024 layers, in this order of checks.
    package init(of id: ProfileID, _ profile: Profile, in lookup: some ProfileLookup) throws(ValidationError) {
        try expand(id, profile, in: lookup)
    }

    private mutating func expand(
        _ id: ProfileID, _ profile: Profile, in lookup: some ProfileLookup
    ) throws(ValidationError) {
        path.append(id)
        var tallest: (height: Int, next: ProfileID?) = (1, nil)
        for (index, reference) in profile.stack.enumerated() {
            let target = ProfileID(registry: reference.registry ?? id.registry, profile: reference.profile)
            func refusal(_ reason: String) -> ValidationError {
                ValidationError(field: "registry.profiles[\(id.profile)].stack[\(index)]", reason: reason)
            }
            if let known = heights[target] {
                guard path.count + known.height <= Self.maximumDepth else {
                    throw refusal(tooDeep(path + descent(from: target)))
                }
            } else {
                guard path.count < Self.maximumDepth else { throw refusal(tooDeep(path + [target])) }
                if let start = path.firstIndex(of: target) {
                    throw refusal("stack cycle detected: " + Self.shown(Array(path[start...]) + [target]))
                }
                guard lookup.hasRegistry(target.registry) else {
                    throw refusal("referenced registry \"\(target.registry)\" not found")
                }
                guard let found = lookup.profile(target) else {
                    throw refusal(
                        "referenced profile \"\(target.profile)\" not found in registry \"\(target.registry)\"")
                }
                // Those on the path become layers, too.
                guard layers.count + path.count < Self.maximumLayers else {
                    throw refusal("the stack comes to more than \(Self.maximumLayers) layers")
                }
                try expand(target, found, in: lookup)
            }
            if let height = heights[target]?.height, height + 1 > tallest.height { tallest = (height + 1, target) }
        }
        path.removeLast()
        heights[id] = tallest
        layers.append(Layer(id: id, profile: profile))
    }

    /// The longest path that starts at an expanded profile.
    private func descent(from id: ProfileID) -> [ProfileID] {
        var steps: [ProfileID] = []
        var next: ProfileID? = id
        while let id = next {
            steps.append(id)
            next = heights[id]?.next
        }
        return steps
    }

    private func tooDeep(_ steps: [ProfileID]) -> String {
        "stack depth exceeds max_depth=\(Self.maximumDepth) while traversing " + Self.shown(steps)
    }

    private static func shown(_ steps: [ProfileID]) -> String {
        steps.map(\.description).joined(separator: " -> ")
    }
}
