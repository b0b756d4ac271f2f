/// Where in a message, an answer or a streamed delta a text stands.
package enum ChatTextPlace: Hashable, Sendable {
    /// `content`, as a string or as a text part of an array.
    case content
    case refusal
    /// `reasoning_content`.
    case reasoningContent
    /// `reasoning`, as other servers call it.
    case reasoning
    /// `tool_calls[…].function.arguments` of the call with that index.
    case toolArguments(Int)
    /// `tool_calls[…].custom.input`: free text.
    case toolInput(Int)
    /// `function_call.arguments`, the older form.
    case functionArguments

    /// Whether the text is itself JSON, so that whatever is put into it must be escaped.
    package var isJSON: Bool {
        switch self {
        case .toolArguments, .functionArguments: true
        case .content, .refusal, .reasoningContent, .reasoning, .toolInput: false
        }
    }
}
