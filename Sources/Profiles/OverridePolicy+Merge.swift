import JSON

extension OverridePolicy {
    /// Narrows this policy, the merge of all lower layers, by a layer above: nothing any layer denies is ever allowed.
    ///
    /// Lists end up canonical and sorted; an empty list of allowed keys stays a list that allows nothing.
    mutating func restrict(by layer: OverridePolicy) {
        if let allow = layer.allowOverrides { allowOverrides = (allowOverrides ?? true) && allow }
        readOnly = readOnly || layer.readOnly
        let denied = Set(deniedOverrideKeys).union(layer.deniedOverrideKeys.map(OverrideKey.canonicalised))
        if allowedOverrideKeys != nil || layer.allowedOverrideKeys != nil {
            var allowed = layer.allowedOverrideKeys.map { Set($0.map(OverrideKey.canonicalised)) }
            if let lower = allowedOverrideKeys { allowed = allowed?.intersection(lower) ?? Set(lower) }
            allowedOverrideKeys = (allowed ?? []).subtracting(denied).sorted { $0.precedesByBytes($1) }
        }
        deniedOverrideKeys = denied.sorted { $0.precedesByBytes($1) }
        if let action = layer.onDenied { onDenied = action }
        if let pass = layer.passUnknown { passUnknown = (passUnknown ?? true) && pass }
        for (key, limit) in layer.limits {
            limits[key] = limits[key].map { $0.narrowed(by: limit) } ?? limit
        }
    }
}

extension SettingLimit {
    /// Both limits at once.
    func narrowed(by other: SettingLimit) -> SettingLimit {
        func pick(_ one: JSONNumber?, _ two: JSONNumber?, _ prefersSecond: (Double, Double) -> Bool) -> JSONNumber? {
            guard let one, let two else { return one ?? two }
            guard let first = one.double, let second = two.double else { return one }
            return prefersSecond(first, second) ? two : one
        }
        var both: [JSONValue]? = choices ?? other.choices
        if let choices, let others = other.choices {
            both = choices.filter { choice in others.contains { $0.isSameQuantity(as: choice) } }
        }
        return SettingLimit(
            minimum: pick(minimum, other.minimum) { $1 > $0 }, maximum: pick(maximum, other.maximum) { $1 < $0 },
            choices: both)
    }
}
