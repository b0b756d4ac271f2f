// A value that must not be seen: it describes, dumps and reflects itself as `***`, so that no log line, error
// message or `config show` can carry it by accident. Only `reveal()` gives it away, which is easy to search for.

/// A credential in memory.
package struct Secret: Sendable {
    private let value: String
    /// Where it was read from, `env:NAME` or `file:PATH`; `nil` = it was given as such. Not secret.
    package let reference: String?

    /// Wraps a value; the caller has checked it with `Secret.problem(in:)`.
    package init(_ value: String, reference: String? = nil) {
        self.value = value
        self.reference = reference
    }

    /// The credential itself, for the one place that sends or compares it.
    package func reveal() -> String {
        value
    }

    /// Whether `candidate` is this secret, in time that depends on the candidate's length only.
    package func matches(_ candidate: some Collection<UInt8>) -> Bool {
        let expected = Array(value.utf8)
        // An empty secret matches nothing; the loader refuses them, this is the second lock.
        guard !expected.isEmpty else { return false }
        var difference = candidate.count == expected.count ? 0 : 1 as UInt8
        var index = 0
        for byte in candidate {
            difference |= byte ^ expected[index]
            index = index + 1 == expected.count ? 0 : index + 1
        }
        return difference == 0
    }

    /// Why a text cannot be a credential (it has to fit into one HTTP header value), or `nil`.
    package static func problem(in text: String) -> String? {
        if text.isEmpty { return "is empty" }
        if text.utf8.count > 16 * 1024 { return "is longer than 16 KiB" }
        if text.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) {
            return "contains blanks, control characters or characters outside ASCII, which no HTTP header can carry"
        }
        return nil
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
