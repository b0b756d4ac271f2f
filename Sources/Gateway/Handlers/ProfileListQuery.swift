internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants

/// The query of `GET /api/chat/profiles`: `limit`, `after`, `q`, `tag` (`gateway.md §5`).
struct ProfileListQuery: Sendable {
    static let defaultLimit = 1000
    static let maximumLimit = 10_000

    let limit: Int
    private let after: ProfileSlug?
    /// A substring of slug or display name, compared without case.
    private let text: String?
    private let tag: String?

    /// - Throws: `Problem` 400 naming the parameter.
    init(_ context: RequestContext) throws {
        let target = context.head.target
        limit = try context.queriedLimit(default: Self.defaultLimit, maximum: Self.maximumLimit)
        after = try target.query("after").map { (raw) throws(ValidationError) in try ProfileSlug(validating: raw) }
        text = target.query("q").flatMap { $0.isEmpty ? nil : $0.lowercased() }
        tag = target.query("tag").flatMap { $0.isEmpty ? nil : $0 }
    }

    /// True when the answer is the registry's list from the start, unfiltered.
    var isFirstPlainPage: Bool { after == nil && text == nil && tag == nil }

    /// The entries of the page, and the slug to continue after when the page was cut.
    func select(from registry: RegistrySnapshot) throws(RegistryError) -> (entries: [ProfileEntry], next: ProfileSlug?)
    {
        guard text != nil || tag != nil else {
            let entries = registry.page(after: after, limit: limit + 1)
            return Self.cut(entries, limit)
        }
        var found: [ProfileEntry] = []
        for entry in registry.page(after: after, limit: registry.count) where found.count <= limit {
            let profile = try entry.decode()
            if let tag, !profile.metadata.tags.contains(tag) { continue }
            if let text, !entry.slug.rawValue.contains(text), !profile.displayName.lowercased().contains(text) {
                continue
            }
            found.append(entry)
        }
        return Self.cut(found, limit)
    }

    private static func cut(_ entries: [ProfileEntry], _ limit: Int) -> ([ProfileEntry], ProfileSlug?) {
        guard entries.count > limit else { return (entries, nil) }
        let page = Array(entries.prefix(limit))
        return (page, page.last?.slug)
    }
}
