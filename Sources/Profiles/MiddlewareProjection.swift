package import JSON

/// Where the configuration of middlewares lives: in the extension `middleware.<name>_config@v1`, one slot per
/// instance, never inline in what is stored (origin 2.4).
package enum MiddlewareProjection {
    /// The configuration of one use: inline where a file of the origin still has it, else its slot's content.
    package static func config(of use: MiddlewareUse, at index: Int, in extensions: JSONObject) -> JSONObject? {
        config(of: use, at: index, slots: slots(of: use.name, in: extensions))
    }

    /// The same with the slots of the use's middleware already at hand.
    static func config(of use: MiddlewareUse, at index: Int, slots: JSONObject?) -> JSONObject? {
        if case .object(let inline) = use.config { return inline }
        guard let slots else { return nil }
        if let config = slots[use.slot(at: index)]?.objectValue { return config }
        return use.id == nil ? slots["default"]?.objectValue : nil
    }

    /// The configurations of a middleware's instances, by slot.
    static func slots(of name: String, in extensions: JSONObject) -> JSONObject? {
        if extensions.isEmpty { return nil }
        return extensions[ExtensionKey.configurationText(of: name)]?["instances"]?.objectValue
    }

    /// Moves inline configurations into their slots and lets slots follow their middlewares.
    ///
    /// Slots of uses that `previous` had and the new list has not are removed; the slot of an un-named use follows it
    /// to its new position. An empty configuration removes its slot, the last slot removes the extension.
    static func project(_ profile: inout Profile, previous: Profile?) throws(ValidationError) {
        if let previous { moveSlots(of: &profile, from: previous) }
        guard case .set(var uses) = profile.runtime.middlewares else { return }
        for (index, use) in uses.enumerated() {
            guard let config = use.config else { continue }
            guard case .object(let members) = config else {
                throw ValidationError(
                    field: "runtime.middlewares.config",
                    reason: "runtime.middlewares[\(index)].config: must be an object: got \(config.kindPhrase)")
            }
            try write(members.isEmpty ? nil : config, of: use, at: index, to: &profile.extensions)
            uses[index].config = nil
        }
        profile.runtime.middlewares = .set(uses)
    }

    private static func write(
        _ config: JSONValue?, of use: MiddlewareUse, at index: Int, to extensions: inout JSONObject
    ) throws(ValidationError) {
        guard let key = ExtensionKey(configurationOf: use.name) else {
            throw ValidationError(
                field: "runtime.middlewares[\(index)].name",
                reason: "\"\(use.name)\" cannot be part of an extension key")
        }
        setSlot(use.slot(at: index), of: key, to: config, in: &extensions)
    }

    /// Sets or removes one slot, and what becomes empty with it.
    private static func setSlot(
        _ slot: String, of key: ExtensionKey, to config: JSONValue?, in extensions: inout JSONObject
    ) {
        var payload = extensions[key.rawValue]?.objectValue ?? [:]
        var instances = payload["instances"]?.objectValue ?? [:]
        instances[slot] = config
        payload["instances"] = instances.isEmpty ? Optional<JSONValue>.none : .object(instances)
        extensions[key.rawValue] = payload.isEmpty ? Optional<JSONValue>.none : .object(payload)
    }

    private static func moveSlots(of profile: inout Profile, from previous: Profile) {
        let before = previous.runtime.middlewares.value ?? []
        let after = profile.runtime.middlewares.value ?? []
        guard before.map(\.name) != after.map(\.name) || before.map(\.id) != after.map(\.id) else { return }
        var moves: [(key: ExtensionKey, old: String, new: String?)] = []
        for (index, use) in before.enumerated() {
            guard let key = ExtensionKey(configurationOf: use.name) else { continue }
            let old = use.slot(at: index)
            let new = position(of: use, at: index, before: before, after: after)
                .map { after[$0].slot(at: $0) }
            if old != new { moves.append((key, old, new)) }
        }
        // Only what is still the previous content moves; a slot that the same write sets anew stays as written.
        let contents = moves.map { move in previous.extensions[move.key.rawValue]?["instances"]?[move.old] }
        for (move, content) in zip(moves, contents) {
            let current = profile.extensions[move.key.rawValue]?["instances"]?[move.old]
            if let content, current == content {
                setSlot(move.old, of: move.key, to: nil, in: &profile.extensions)
            }
        }
        for (move, content) in zip(moves, contents) {
            guard let content, let new = move.new else { continue }
            if profile.extensions[move.key.rawValue]?["instances"]?[new] == nil {
                setSlot(new, of: move.key, to: content, in: &profile.extensions)
            }
        }
    }

    /// Where a use of the old list is in the new one: by its id, or by its name where that is the only one of the kind.
    private static func position(
        of use: MiddlewareUse, at index: Int, before: [MiddlewareUse], after: [MiddlewareUse]
    ) -> Int? {
        func matches(_ other: MiddlewareUse) -> Bool { other.name == use.name && other.id == use.id }
        if use.id != nil || (before.count(where: matches) == 1 && after.count(where: matches) == 1) {
            return after.firstIndex(where: matches)
        }
        return after.indices.contains(index) && matches(after[index]) ? index : nil
    }
}
