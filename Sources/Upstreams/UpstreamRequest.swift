package import HTTPClient

/// One chat as every upstream takes it.
package struct UpstreamRequest: Sendable {
    /// An OpenAI chat-completions body; whether it streams must be said in it and be true to the call that is made.
    package var body: [UInt8]
    /// The client's headers, all of them if you like: only those of `HeaderPolicy.up` are passed on.
    package var clientHeaders: [(name: String, value: String)]
    /// Headers that the profile's settings ask for (`ai-client.organization`, `ai-client.user-agent`); passed on.
    package var profileHeaders: [(name: String, value: String)]
    /// In place of the upstream's own credential, which then is not sent.
    package var credential: Credential?
    /// In place of the upstream's own timeouts.
    package var timeouts: TransferTimeouts?
    /// Whether `echo` may repeat system text to whoever asks (`gateway.md §8`: `reader` and up).
    package var showsSystemText: Bool

    package init(
        body: [UInt8], clientHeaders: [(name: String, value: String)] = [],
        profileHeaders: [(name: String, value: String)] = [], credential: Credential? = nil,
        timeouts: TransferTimeouts? = nil, showsSystemText: Bool = false
    ) {
        self.body = body
        self.clientHeaders = clientHeaders
        self.profileHeaders = profileHeaders
        self.credential = credential
        self.timeouts = timeouts
        self.showsSystemText = showsSystemText
    }
}

/// The head of an accepted answer.
package struct UpstreamHead: Sendable {
    /// The name of the upstream that answered (after a fallback not the first one).
    package var upstream: String
    package var status: Int
    package var contentType: String
    /// What may be shown to the client, by `HeaderPolicy.down`; without `Content-Type`.
    package var headers: [(name: String, value: String)]
    /// The provider's own id of the request, for the log.
    package var requestID: String?
    /// How many calls it took, 1 without retries.
    package var attempts = 1
}

/// A whole, accepted answer.
package struct UpstreamResponse: Sendable {
    /// The most bytes of one, and of the texts that are put together from a stream.
    package static let maximumBytes = 32 << 20

    package var head: UpstreamHead
    /// A JSON object, as the upstream wrote it.
    package var body: [UInt8]
}

/// A secret on its way to an upstream; prints as `***`.
package struct Credential: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
    let value: String

    package init(_ value: String) {
        self.value = value
    }

    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
