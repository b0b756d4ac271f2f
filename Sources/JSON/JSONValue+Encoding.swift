extension JSONValue {
    /// Compact JSON, members in their order, numbers as written.
    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        encode(into: &bytes)
        return bytes
    }

    package func encode(into bytes: inout [UInt8]) {
        switch self {
        case .object(let object): object.encode(into: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.encode(into: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        default: encodeScalar(into: &bytes)
        }
    }

    /// Compact JSON with the members of every object sorted by the UTF-8 bytes of their keys.
    ///
    /// Equal values have equal bytes; this is what fingerprints and stored documents are made of.
    package func canonical() -> [UInt8] {
        var bytes: [UInt8] = []
        encodeCanonically(into: &bytes)
        return bytes
    }

    package func encodeCanonically(into bytes: inout [UInt8]) {
        switch self {
        case .object(let object): object.encodeCanonically(into: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.encodeCanonically(into: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        default: encodeScalar(into: &bytes)
        }
    }

    /// JSON for human eyes: two blanks per level, members in their order (or sorted), no newline at the end.
    package func pretty(sortingKeys: Bool = false) -> [UInt8] {
        var bytes: [UInt8] = []
        encodePrettily(into: &bytes, level: 0, sortingKeys: sortingKeys)
        return bytes
    }

    private func encodePrettily(into bytes: inout [UInt8], level: Int, sortingKeys: Bool) {
        func breakLine(_ bytes: inout [UInt8], _ level: Int) {
            bytes.append(UInt8(ascii: "\n"))
            bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: level * 2))
        }
        switch self {
        case .object(let object) where !object.isEmpty:
            bytes.append(UInt8(ascii: "{"))
            let members = sortingKeys ? object.sortedByKey() : Array(object)
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                breakLine(&bytes, level + 1)
                JSONText.encode(member.key, into: &bytes)
                bytes.append(contentsOf: [UInt8(ascii: ":"), UInt8(ascii: " ")])
                member.value.encodePrettily(into: &bytes, level: level + 1, sortingKeys: sortingKeys)
            }
            breakLine(&bytes, level)
            bytes.append(UInt8(ascii: "}"))
        case .array(let elements) where !elements.isEmpty:
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                breakLine(&bytes, level + 1)
                element.encodePrettily(into: &bytes, level: level + 1, sortingKeys: sortingKeys)
            }
            breakLine(&bytes, level)
            bytes.append(UInt8(ascii: "]"))
        default: encode(into: &bytes)
        }
    }

    private func encodeScalar(into bytes: inout [UInt8]) {
        switch self {
        case .bool(true): bytes.append(contentsOf: "true".utf8)
        case .bool(false): bytes.append(contentsOf: "false".utf8)
        case .number(let number): bytes.append(contentsOf: number.text.utf8)
        case .string(let text): JSONText.encode(text, into: &bytes)
        case .null, .array, .object: bytes.append(contentsOf: "null".utf8)
        }
    }
}

extension JSONObject {
    package func encode(into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for (key, value) in self {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            JSONText.encode(key, into: &bytes)
            bytes.append(UInt8(ascii: ":"))
            value.encode(into: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    package func encodeCanonically(into bytes: inout [UInt8]) {
        let order = positionsByKey()
        bytes.append(UInt8(ascii: "{"))
        for index in 0..<count {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            let member = member(at: order?[index] ?? index)
            JSONText.encode(member.key, into: &bytes)
            bytes.append(UInt8(ascii: ":"))
            member.value.encodeCanonically(into: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }
}
