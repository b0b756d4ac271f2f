import JSON
package import Profiles
import Synchronization

/// One profile as a snapshot holds it: the stored bytes, and what a list or a lookup needs without decoding them.
///
/// A gateway keeps hundreds of thousands of these, so an entry holds its document once, as stored; the API document is
/// put together from those bytes, and the decoded profile is made when a chat or a write first asks for it. Immutable;
/// any thread.
package final class ProfileEntry: SortedByKey {
    package let slug: ProfileSlug
    package let registry: RegistrySlug
    package let isDefault: Bool
    package let version: UInt64
    /// The change that gave the profile this state; with the epoch its identity for ever.
    package let revision: UInt64
    package let epoch: UInt64
    package let updatedAtMs: Int64
    /// The profiles it is layered on, which a delete has to look at.
    package let stack: [ProfileReference]
    /// The stored document.
    package let stored: [UInt8]
    private let rendering: Rendering
    private let decoded = AtomicLazyReference<Decoded>()
    /// Made when the entry is first served: every read sends it.
    private let tag = AtomicLazyReference<Tag>()

    private final class Decoded: Sendable {
        let profile: Profile

        init(_ profile: Profile) {
            self.profile = profile
        }
    }

    private final class Tag: Sendable {
        let text: String

        init(_ text: String) {
            self.text = text
        }
    }

    var key: String { slug.rawValue }

    init(_ profile: Profile, registry: RegistrySlug, isDefault: Bool, revision: UInt64, epoch: UInt64) {
        self.slug = profile.slug
        self.registry = registry
        self.isDefault = isDefault
        self.version = profile.metadata.version
        self.revision = revision
        self.epoch = epoch
        self.updatedAtMs = profile.metadata.updatedAtMs
        self.stack = profile.stack
        self.stored = profile.storedDocument().encoded()
        self.rendering = Rendering(of: profile, registry: registry, isDefault: isDefault, stored: stored)
    }

    /// The same profile as it is under another revision or default flag.
    init(_ other: ProfileEntry, isDefault: Bool, revision: UInt64, epoch: UInt64) throws(RegistryError) {
        slug = other.slug
        registry = other.registry
        self.isDefault = isDefault
        version = other.version
        self.revision = revision
        self.epoch = epoch
        updatedAtMs = other.updatedAtMs
        stack = other.stack
        stored = other.stored
        if isDefault != other.isDefault, case .whole = other.rendering {
            rendering = Rendering(
                of: try other.decode(), registry: other.registry, isDefault: isDefault, stored: other.stored)
        } else {
            rendering = other.rendering
        }
    }

    /// The decoded profile, made once.
    ///
    /// Every entry was decoded when it was loaded, so this throws `damaged` only if the decoder itself changed its mind.
    package func profile() throws(RegistryError) -> Profile {
        if let known = decoded.load() { return known.profile }
        return decoded.storeIfNil(Decoded(try decode())).profile
    }

    /// The decoded profile, without keeping it: for lists, which would make every entry heavy.
    package func decode() throws(RegistryError) -> Profile {
        try StoredDocument.profile(stored, registry: registry.rawValue, slug: slug.rawValue)
    }

    /// The strong entity tag: `"r<revision>-<epoch>"`, quotes included.
    package var etag: String {
        if let known = tag.load() { return known.text }
        return tag.storeIfNil(Tag(EntityTag.text(revision: revision, epoch: epoch))).text
    }

    /// The API document (origin 3.3), with a newline.
    package var document: [UInt8] {
        switch rendering {
        case .whole(let bytes): bytes
        case .spliced(let position, let inserted):
            DocumentSplice(registry: registry.rawValue, stored: stored, position: position, inserted: inserted)
                .bytes(isDefault: isDefault)
        }
    }

    /// About what the entry occupies in memory, in bytes.
    var weight: Int { 192 + stored.count }
}

/// How the API document comes from the stored one.
private enum Rendering: Sendable {
    /// The stored members with one piece inserted: usually the `allow_overrides` that a stored policy leaves open.
    case spliced(at: Int, [UInt8])
    /// Bytes of its own, where they differ in more: a file of the origin with literal keys, which are masked.
    case whole([UInt8])

    init(of profile: Profile, registry: RegistrySlug, isDefault: Bool, stored: [UInt8]) {
        let document = profile.document(registry: registry, isDefault: isDefault).encoded() + [UInt8(ascii: "\n")]
        let plain = DocumentSplice(registry: registry.rawValue, stored: stored, position: 1, inserted: [])
        let length = document.count - plain.bytes(isDefault: isDefault).count
        // Where the two begin to differ, in the stored document's positions.
        let offset = plain.prefix.count - 1
        var position = 1
        while position < stored.count, position + offset < document.count, length >= 0,
            stored[position] == document[position + offset]
        { position += 1 }
        let inserted =
            length > 0 && position + offset + length <= document.count
            ? Array(document[(position + offset)..<(position + offset + length)]) : []
        position = min(position, stored.count - 1)
        let spliced = DocumentSplice(
            registry: registry.rawValue, stored: stored, position: position, inserted: inserted)
        guard spliced.bytes(isDefault: isDefault) == document else {
            self = .whole(document)
            return
        }
        // Nearly every entry has the same piece: shared, not held a hundred thousand times.
        self = .spliced(at: position, inserted == Self.openPolicy ? Self.openPolicy : inserted)
    }

    private static let openPolicy = Array("allow_overrides\":false,\"".utf8)
}

/// The stored document between the members the API adds.
private struct DocumentSplice {
    let registry: String
    let stored: [UInt8]
    let position: Int
    let inserted: [UInt8]

    var prefix: [UInt8] { Array("{\"registry\":\"\(registry)\",".utf8) }

    func bytes(isDefault: Bool) -> [UInt8] {
        let head: StaticString = "{\"registry\":\""
        let tail: StaticString = isDefault ? ",\"is_default\":true}\n" : ",\"is_default\":false}\n"
        let capacity =
            head.utf8CodeUnitCount + registry.utf8.count + 2 + stored.count + inserted.count + tail.utf8CodeUnitCount
        return [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            var filled = 0
            func append(_ bytes: some Collection<UInt8>) {
                let rest = UnsafeMutableBufferPointer(rebasing: buffer[filled...])
                filled += rest.initialize(fromContentsOf: bytes)
            }
            append(UnsafeBufferPointer(start: head.utf8Start, count: head.utf8CodeUnitCount))
            append(registry.utf8)
            append(UnsafeBufferPointer(start: Self.between.utf8Start, count: Self.between.utf8CodeUnitCount))
            stored.withUnsafeBufferPointer { stored in
                append(UnsafeBufferPointer(rebasing: stored[1..<position]))
                append(inserted)
                append(UnsafeBufferPointer(rebasing: stored[position..<(stored.count - 1)]))
            }
            append(UnsafeBufferPointer(start: tail.utf8Start, count: tail.utf8CodeUnitCount))
            count = filled
        }
    }

    private static let between: StaticString = "\","
}
