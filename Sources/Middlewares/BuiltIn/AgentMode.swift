/// One of the operator's modes: a name that profiles choose by, and the prompt it adds.
package struct AgentMode: Sendable, Equatable {
    package let name: String
    package let prompt: String

    package init(name: String, prompt: String) {
        self.name = name
        self.prompt = prompt
    }
}
