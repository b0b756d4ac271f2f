import Profiles

/// Which line of a document a path of one of its registries is about.
struct BundlePlaces: Sendable {
    let root: YAMLNode?
    let format: BundleFormat
    /// Registry slug → the key it stands under in a bundle.
    var keys: [String: String] = [:]

    func line(of path: String, in registry: String?) -> Int? {
        guard let root else { return nil }
        var base: [DocumentStep] = []
        var body = root
        if format == .bundle, let key = registry.flatMap({ keys[$0] }) {
            guard let entry = root["registries"]?.entry(key) else { return root.line }
            base = [.member("registries"), .member(key)]
            body = entry.value
        }
        let steps = DocumentPath.steps(inner(path), in: body).steps
        return root.line(at: base + steps)
    }

    /// The path as the registry's own document has it.
    private func inner(_ path: String) -> String {
        var rest = path
        if rest.hasPrefix("registry.") { rest = String(rest.dropFirst(9)) }
        guard format == .legacyMap, rest.hasPrefix("profiles["), let end = rest.firstIndex(of: "]") else { return rest }
        // A legacy profile is its settings, without anything around them.
        let slug = rest[rest.index(rest.startIndex, offsetBy: 9)..<end]
        let inside = rest[rest.index(after: end)...]
        let settings = ".runtime.step_settings_patch"
        return String(slug) + (inside.hasPrefix(settings) ? String(inside.dropFirst(settings.count)) : "")
    }
}
