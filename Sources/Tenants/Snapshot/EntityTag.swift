/// The strong tag of a state: `"r<revision>-<epoch>"` (gateway.md §4).
///
/// The epoch is random per created, adopted or restored file, so a restore never makes an old tag match other content.
package enum EntityTag {
    /// The tag with its quotes.
    package static func text(revision: UInt64, epoch: UInt64) -> String {
        "\"r\(revision)-\(String(epoch, radix: 36))\""
    }

    /// The tag of something made of several states, such as a page of a history: the newest of them, and what tells it
    /// from others made of the same one.
    package static func text(revision: UInt64, epoch: UInt64, part: String) -> String {
        "\"r\(revision)-\(String(epoch, radix: 36))-\(part)\""
    }
}
