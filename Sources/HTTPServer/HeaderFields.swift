// Header fields as one block of bytes and a table of offsets into it.
//
// A request's block is copied once from libmicrohttpd's buffer, a response's is appended to; a `String` is made
// only when somebody asks for one. In the block every name and every value is followed by a NUL, so that the C
// shim can use them in place. Names compare case-insensitively and keep their spelling and order.

/// The header fields of a request or a response.
package struct HeaderFields: Sendable {
    /// One field's place in the block.
    struct Field: Sendable {
        var name: UInt32
        var nameLength: UInt32
        var value: UInt32
        var valueLength: UInt32
    }

    private(set) var block: [UInt8]
    private(set) var fields: [Field]

    /// No fields at all.
    package init() {
        block = []
        fields = []
    }

    /// Takes over a block in which every name and value is followed by a NUL.
    init(block: [UInt8], fields: [Field]) {
        self.block = block
        self.fields = fields
    }

    package var count: Int { fields.count }
    package var isEmpty: Bool { fields.isEmpty }

    /// Adds a field after the others; whether name and value are legal is checked when the response is sent.
    package mutating func append(_ name: String, _ value: String) {
        let start = beginField(name)
        block.append(contentsOf: value.utf8)
        endField(nameStart: start.name, valueStart: start.value)
    }

    /// Adds a field whose value is at hand as bytes.
    package mutating func append(_ name: String, bytes: some Sequence<UInt8>) {
        let start = beginField(name)
        block.append(contentsOf: bytes)
        endField(nameStart: start.name, valueStart: start.value)
    }

    /// Adds all of another's fields; the cheap way to start from a set that never changes.
    package mutating func append(contentsOf other: HeaderFields) {
        let shift = UInt32(truncatingIfNeeded: block.count)
        block.append(contentsOf: other.block)
        for var field in other.fields {
            field.name += shift
            field.value += shift
            fields.append(field)
        }
    }

    /// Replaces every field of this name by one.
    package mutating func set(_ name: String, _ value: String) {
        remove(name)
        append(name, value)
    }

    /// Removes every field of this name.
    package mutating func remove(_ name: String) {
        guard contains(name) else { return }
        let kept = fields.filter { !matches($0, name.utf8) }
        fields = kept
    }

    /// Makes room, so that appending does not reallocate.
    package mutating func reserveCapacity(fields fieldCount: Int, bytes: Int) {
        fields.reserveCapacity(fieldCount)
        block.reserveCapacity(bytes)
    }

    /// The value of the first field of this name.
    package subscript(_ name: String) -> String? {
        guard let field = firstField(name) else { return nil }
        return text(field.value, field.valueLength)
    }

    /// Every value of this name, in order.
    package func values(_ name: String) -> [String] {
        fields.filter { matches($0, name.utf8) }.map { text($0.value, $0.valueLength) }
    }

    package func contains(_ name: String) -> Bool { firstField(name) != nil }

    /// Gives the bytes of the first field of this name to the closure, without making a `String`; nil if there is none.
    package func withValue<Result>(_ name: String, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result? {
        guard let field = firstField(name) else { return nil }
        return block.withUnsafeBufferPointer { bytes in
            body(UnsafeBufferPointer(rebasing: bytes[Int(field.value)..<Int(field.value + field.valueLength)]))
        }
    }

    /// The first field's name that begins with this text, compared without case; nil if there is none.
    package func firstName(withPrefix prefix: StaticString) -> String? {
        let prefix = UnsafeBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount)
        let found = block.withUnsafeBufferPointer { bytes in
            fields.first { field in
                guard Int(field.nameLength) >= prefix.count else { return false }
                for (offset, byte) in prefix.enumerated()
                where bytes[Int(field.name) + offset].asciiLowercased != byte.asciiLowercased { return false }
                return true
            }
        }
        return found.map { text($0.name, $0.nameLength) }
    }

    /// All fields as strings, in order.
    package var pairs: [(name: String, value: String)] {
        fields.map { (text($0.name, $0.nameLength), text($0.value, $0.valueLength)) }
    }

    private mutating func beginField(_ name: String) -> (name: Int, value: Int) {
        let nameStart = block.count
        block.append(contentsOf: name.utf8)
        block.append(0)
        return (nameStart, block.count)
    }

    private mutating func endField(nameStart: Int, valueStart: Int) {
        let valueLength = block.count - valueStart
        block.append(0)
        fields.append(
            Field(
                name: UInt32(truncatingIfNeeded: nameStart),
                nameLength: UInt32(truncatingIfNeeded: valueStart - nameStart - 1),
                value: UInt32(truncatingIfNeeded: valueStart),
                valueLength: UInt32(truncatingIfNeeded: valueLength)))
    }

    private func firstField(_ name: String) -> Field? {
        for field in fields where matches(field, name.utf8) { return field }
        return nil
    }

    private func matches(_ field: Field, _ name: String.UTF8View) -> Bool {
        guard Int(field.nameLength) == name.count else { return false }
        return block.withUnsafeBufferPointer { bytes in
            var position = Int(field.name)
            for byte in name {
                guard bytes[position].asciiLowercased == byte.asciiLowercased else { return false }
                position += 1
            }
            return true
        }
    }

    private func text(_ start: UInt32, _ length: UInt32) -> String {
        block.withUnsafeBufferPointer { bytes in
            String(decoding: bytes[Int(start)..<Int(start + length)], as: UTF8.self)
        }
    }
}

extension HeaderFields: ExpressibleByDictionaryLiteral {
    /// Fields in the given order; a name may come more than once.
    package init(dictionaryLiteral elements: (String, String)...) {
        self.init()
        for (name, value) in elements { append(name, value) }
    }
}

extension HeaderFields: CustomStringConvertible {
    package var description: String { pairs.map { "\($0.name): \($0.value)" }.joined(separator: "\r\n") }
}

extension UInt8 {
    /// The byte with an ASCII capital made small.
    var asciiLowercased: UInt8 { self &- 65 < 26 ? self | 0x20 : self }
}
