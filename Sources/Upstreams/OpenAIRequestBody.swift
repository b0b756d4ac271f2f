package import JSON

/// Builds the chat-completions body of `POST /chat` from an effective runtime.
package struct OpenAIRequestBody: Sendable {
    /// One earlier message of the conversation.
    package struct Message: Sendable, Equatable {
        package enum Role: String, Sendable {
            case system, user, assistant
        }

        package var role: Role
        package var content: String

        package init(role: Role, content: String) {
            self.role = role
            self.content = content
        }
    }

    /// Left out when empty.
    package var systemPrompt: String
    /// Oldest first.
    package var history: [Message]
    package var prompt: String
    /// `{"type": "function", "function": {…}}` objects; the member is left out when empty.
    package var tools: [JSONValue]

    package init(systemPrompt: String = "", history: [Message] = [], prompt: String, tools: [JSONValue] = []) {
        self.systemPrompt = systemPrompt
        self.history = history
        self.prompt = prompt
        self.tools = tools
    }

    /// The body, with the members of `settings` (made with the same idea of tools and streaming).
    package func encoded(_ settings: OpenAISettings) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 256 + systemPrompt.utf8.count + prompt.utf8.count)
        writer.object { body in
            for (key, value) in settings.members where key == "model" { body.member(key, value) }
            body.key("messages")
            body.array { messages in
                if !systemPrompt.isEmpty { write(.system, systemPrompt, to: &messages) }
                for message in history { write(message.role, message.content, to: &messages) }
                write(.user, prompt, to: &messages)
            }
            if !tools.isEmpty { body.member("tools", JSONValue.array(tools)) }
            for (key, value) in settings.members where key != "model" { body.member(key, value) }
        }
        return writer.bytes
    }

    private func write(_ role: Message.Role, _ content: String, to messages: inout JSONWriter) {
        messages.object { message in
            message.member("role", role.rawValue)
            message.member("content", content)
        }
    }
}
