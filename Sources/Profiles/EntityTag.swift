/// The strong tag of a profile, registry or list: `"r<revision>-<epoch>"`, quotes included (`gateway.md §4`).
package struct EntityTag: Sendable, Hashable, CustomStringConvertible {
    /// Tenant-wide number of the change that made this content.
    package let revision: UInt64
    /// Random per created, adopted or restored file, so that an old tag never matches other content.
    package let epoch: String

    package init(revision: UInt64, epoch: String) {
        self.revision = revision
        self.epoch = epoch
    }

    /// As it stands in the header.
    package var description: String { "\"r\(revision)-\(epoch)\"" }

    /// Whether an `If-None-Match` or `If-Match` value names this tag.
    ///
    /// - Parameter weakly: whether `W/"…"` matches too, as it does for `If-None-Match` (RFC 9110 §8.8.3.2).
    package func matches(_ header: String, weakly: Bool) -> Bool {
        let tag = description
        return header.utf8.split(separator: UInt8(ascii: ",")).contains { part in
            let text = SlugText.trimmed(String(Substring(part)))
            return text == "*" || text == tag || (weakly && text == "W/" + tag)
        }
    }
}
