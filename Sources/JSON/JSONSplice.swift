/// New bytes for an object with some members set or removed and every other byte as it was.
///
/// Removed members take the comma and blanks before them along; new ones are appended in the order they were set.
package struct JSONSplice {
    private let source: JSONMembers
    private var removed: Set<Int> = []
    private var appended: [(key: String, value: [UInt8])] = []
    /// Replacements inside kept values; they must not overlap.
    private var edits: [(range: Range<Int>, bytes: [UInt8])] = []

    package init(_ source: JSONMembers) { self.source = source }

    /// Gives a member a new value in its place, or appends it.
    package mutating func set(_ key: String, to value: [UInt8]) {
        if let index = index(of: key), !removed.contains(index) {
            let range = source.members[index].valueRange
            edits.removeAll { range.contains($0.range.lowerBound) || $0.range == range }
            edits.append((range, value))
        } else if let index = appended.firstIndex(where: { $0.key.hasSameBytes(as: key) }) {
            appended[index].value = value
        } else {
            appended.append((key, value))
        }
    }

    package mutating func set(_ key: String, to value: JSONValue) { set(key, to: value.encoded()) }

    package mutating func remove(_ key: String) {
        appended.removeAll { $0.key.hasSameBytes(as: key) }
        guard let index = index(of: key) else { return }
        let range = source.members[index].valueRange
        edits.removeAll { range.contains($0.range.lowerBound) || $0.range == range }
        removed.insert(index)
    }

    /// Replaces some bytes inside the value of a member that is neither set nor removed; an empty range inserts.
    package mutating func replace(_ range: Range<Int>, with bytes: [UInt8]) { edits.append((range, bytes)) }

    /// The object, and what stood around it, with all changes made.
    package func bytes() -> [UInt8] {
        var all = edits
        let members = source.members
        let firstKept = members.indices.first { !removed.contains($0) }
        if let firstKept, let first = members.first {
            if firstKept > 0 { all.append((first.keyRange.lowerBound..<members[firstKept].keyRange.lowerBound, [])) }
            for index in removed where index > firstKept {
                all.append((members[index - 1].valueRange.upperBound..<members[index].valueRange.upperBound, []))
            }
        } else if let first = members.first, let last = members.last {
            all.append((first.keyRange.lowerBound..<last.valueRange.upperBound, []))
        }
        let end = members.last?.valueRange.upperBound ?? source.objectRange.lowerBound + 1
        all.append((end..<end, addition(first: firstKept == nil)))
        // An insertion at the end of a removed stretch must come after it.
        all.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
        return Self.applying(all, to: source.bytes)
    }

    private func addition(first: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        for (position, member) in appended.enumerated() {
            if position > 0 || !first { bytes.append(UInt8(ascii: ",")) }
            JSONText.encode(member.key, into: &bytes)
            bytes.append(UInt8(ascii: ":"))
            bytes.append(contentsOf: member.value)
        }
        return bytes
    }

    private static func applying(_ edits: [(range: Range<Int>, bytes: [UInt8])], to source: [UInt8]) -> [UInt8] {
        let growth = edits.reduce(0) { $0 + $1.bytes.count - $1.range.count }
        var result: [UInt8] = []
        result.reserveCapacity(source.count + growth)
        source.withUnsafeBufferPointer { source in
            var copied = 0
            for edit in edits {
                result.append(contentsOf: UnsafeBufferPointer(rebasing: source[copied..<edit.range.lowerBound]))
                result.append(contentsOf: edit.bytes)
                copied = edit.range.upperBound
            }
            result.append(contentsOf: UnsafeBufferPointer(rebasing: source[copied...]))
        }
        return result
    }

    private func index(of key: String) -> Int? {
        source.members.firstIndex { $0.key.hasSameBytes(as: key) }
    }
}
