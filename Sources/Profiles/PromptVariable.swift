package import JSON

/// A placeholder `{{name}}` of the system prompt, as declared in `runtime.variables` (`gateway.md §7`).
package struct PromptVariable: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case string, number, integer, boolean

        /// Whether a value may stand for a variable of this kind.
        package func accepts(_ value: JSONValue) -> Bool {
            switch (self, value) {
            case (.string, .string), (.number, .number), (.boolean, .bool): true
            case (.integer, .number(let number)): number.integral != nil
            default: false
            }
        }
    }

    package var kind: Kind
    package var required: Bool
    package var `default`: JSONValue?
    package var description: String

    package init(kind: Kind = .string, required: Bool = false, default: JSONValue? = nil, description: String = "") {
        self.kind = kind
        self.required = required
        self.default = `default`
        self.description = description
    }

    /// Names are letters, digits, `_`, `-` and `.`, at most 64, starting with a letter or `_`.
    package static func isName(_ text: String) -> Bool {
        guard (1...64).contains(text.utf8.count), let first = text.utf8.first else { return false }
        func isWord(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "_") }
        return isWord(first)
            && text.utf8.allSatisfy {
                isWord($0) || $0 &- 0x30 < 10 || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
            }
    }
}
