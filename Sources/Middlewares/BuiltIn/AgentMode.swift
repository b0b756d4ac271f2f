/// One of the operator's modes: a name that profiles choose by, and the prompt it adds.
package struct AgentMode: Sendable, Equatable {
    package let name: String
    package let prompt: String

    /// Whether profiles could choose a mode by this name.
    package static func isName(_ text: String) -> Bool { text.contains { !$0.isWhitespace } }

    package init(name: String, prompt: String) {
        self.name = name
        self.prompt = prompt
    }
}
