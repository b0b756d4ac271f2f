/// The strong tag of a state: `"r<revision>-<epoch>"` (gateway.md §4).
///
/// The epoch is random per created, adopted or restored file, so a restore never makes an old tag match other content.
package enum EntityTag {
    /// The tag with its quotes.
    package static func text(revision: UInt64, epoch: UInt64) -> String {
        "\"r\(revision)-\(String(epoch, radix: 36))\""
    }

    /// Whether an `If-Match`/`If-None-Match` value names the state: `*`, or a list with its tag. Weak tags never match
    /// strongly, as RFC 9110 has it; pass `weakly` for `If-None-Match`.
    package static func matches(_ header: String, revision: UInt64, epoch: UInt64, weakly: Bool) -> Bool {
        let own = text(revision: revision, epoch: epoch)
        for part in header.split(separator: ",") {
            var tag = part.drop { $0 == " " || $0 == "\t" }
            while tag.last == " " || tag.last == "\t" { tag.removeLast() }
            if tag == "*" { return true }
            if weakly && tag.hasPrefix("W/") { tag = tag.dropFirst(2) }
            if tag == own { return true }
        }
        return false
    }
}
