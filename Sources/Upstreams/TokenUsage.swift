/// Tokens of one answer.
package struct TokenUsage: Sendable, Equatable {
    package var inputTokens: Int
    package var outputTokens: Int

    package init(inputTokens: Int, outputTokens: Int) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
    }

    /// Four bytes a token, rounded up (`gateway.md §8`).
    package static func estimatedTokens(bytes: Int) -> Int { (bytes + 3) / 4 }
}
