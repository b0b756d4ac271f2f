internal import JSON
internal import Profiles

/// What a chat request says about itself, whichever route it came by.
struct ChatInput: Sendable {
    /// Who is to answer.
    var sources: Selection.Sources
    /// `overrides` and prompt variables; judged strictly.
    var requested = RequestedRuntime()
    /// The client's own sampling members on `/v1`; the policy may refuse or drop them (`gateway.md §8`).
    var sampling: [(name: String, value: JSONValue)] = []
}
