/// The strong tag of a state: `"r<revision>-<epoch>"` (gateway.md §4).
///
/// The epoch is random per created, adopted or restored file, so a restore never makes an old tag match other content.
package enum EntityTag {
    /// The tag with its quotes.
    package static func text(revision: UInt64, epoch: UInt64) -> String {
        "\"r\(revision)-\(String(epoch, radix: 36))\""
    }
}
