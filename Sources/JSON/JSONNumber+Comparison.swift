// Numbers as quantities. `==` compares spellings, which is right for documents; bounds and enumerations of a schema
// mean the quantity. Integers of 64 bits are exact, everything else is compared as the nearest double.

extension JSONNumber {
    /// Whether this is a whole number, in whatever spelling (`3`, `3.0`, `3e2`).
    var isMathematicalInteger: Bool {
        if text.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            return true
        }
        return double.map { $0.rounded(.towardZero) == $0 } ?? false
    }

    func isLess(than other: JSONNumber) -> Bool {
        if let mine = integral, let theirs = other.integral { return mine < theirs }
        return nearestDouble < other.nearestDouble
    }

    func isMultiple(of divisor: JSONNumber) -> Bool {
        if let mine = integral, let theirs = divisor.integral { return theirs != 0 && mine % theirs == 0 }
        let quotient = nearestDouble / divisor.nearestDouble
        // 0.3 is a multiple of 0.1 for everybody but binary fractions.
        return quotient.isFinite && (quotient - quotient.rounded()).magnitude <= quotient.magnitude * 1e-12
    }

    /// One spelling for all spellings of the same quantity.
    var normalized: JSONNumber {
        if let whole = integral { return JSONNumber(whole) }
        return double.flatMap { JSONNumber($0) } ?? self
    }

    private var nearestDouble: Double { Double(text) ?? 0 }
}

extension JSONValue {
    /// Equality that compares numbers as quantities; as quick as the smaller of the two is small.
    package func isSameQuantity(as other: JSONValue) -> Bool {
        switch (self, other) {
        case (.number(let one), .number(let other)): return one == other || one.normalized == other.normalized
        case (.array(let one), .array(let other)):
            return one.count == other.count && zip(one, other).allSatisfy { $0.isSameQuantity(as: $1) }
        case (.object(let one), .object(let other)):
            return one.count == other.count
                && one.allSatisfy { key, value in other[key].map { value.isSameQuantity(as: $0) } ?? false }
        default: return self == other
        }
    }

    /// The same value with every number in its one normal spelling, so that `==` compares quantities.
    var withNormalizedNumbers: JSONValue {
        switch self {
        case .number(let number): return .number(number.normalized)
        case .array(let elements): return .array(elements.map(\.withNormalizedNumbers))
        case .object(let members):
            var normalized = JSONObject(minimumCapacity: members.count)
            for (key, value) in members { normalized[key] = value.withNormalizedNumbers }
            return .object(normalized)
        case .null, .bool, .string: return self
        }
    }
}
