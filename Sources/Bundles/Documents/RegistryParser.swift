import JSON
import Profiles

/// Collects the registries of one document and everything that is wrong with them.
struct RegistryParser {
    private var places: BundlePlaces
    private var documents: [RegistrySlug: RegistryDocument] = [:]
    private var problems: [BundleProblem] = []
    private var unreadable: [RegistrySlug: Set<ProfileSlug>] = [:]

    init(places: BundlePlaces) {
        self.places = places
    }

    func result(_ format: BundleFormat) -> Bundle {
        Bundle(
            format: format, documents: documents.values.sorted { $0.registry.slug < $1.registry.slug },
            problems: problems, places: places, unreadable: unreadable)
    }

    /// A document that is wrong all over is not worth more of our time than this.
    private static let maximumProblems = 200

    /// How many more problems are worth finding.
    private var wanted: Int { min(ProblemPeeler.maximumProblems, Self.maximumProblems - problems.count) }

    mutating func note(_ problem: BundleProblem) {
        switch problems.count {
        case ..<Self.maximumProblems: problems.append(problem)
        case Self.maximumProblems:
            problems.append(BundleProblem(path: "", reason: "there are more problems, which are not listed"))
        default: break
        }
    }

    /// Reads one registry.
    ///
    /// - Parameter key: what it stands under, and its slug if it names none; nil where it must name one.
    /// - Parameter mayDiffer: whether the slug inside may be another than the key.
    mutating func parse(_ value: JSONValue, key: String?, mayDiffer: Bool) {
        let shown = FieldPath.excerpt(key ?? "")
        let keyLine = line(ofKey: key)
        guard case .object(var header) = value else {
            let reason =
                value.isNull ? "must not be nil" : "registry \"\(shown)\" must be a mapping, not \(value.kindPhrase)"
            return note(
                BundleProblem(registry: shown, path: "registry", reason: reason, line: keyLine))
        }
        let entries = header.removeValue(forKey: "profiles") ?? .null
        guard let slug = slug(header, key: key, mayDiffer: mayDiffer) else { return }
        if let key { places.keys[slug.rawValue] = key }
        header["slug"] = .string(slug.rawValue)
        guard documents[slug] == nil else {
            return note(
                BundleProblem(
                    registry: slug.rawValue, path: "registry.slug",
                    reason: "two registries of the document have the slug \"\(slug)\" after normalization",
                    line: keyLine))
        }
        let (decoded, wrong) = ProblemPeeler.decode(.object(header), limit: wanted) {
            document throws(ValidationError) in
            try RegistryDocument(document: document)
        }
        var document = decoded ?? RegistryDocument(registry: Registry(slug: slug), profiles: [])
        for error in wrong { note(error, in: slug, qualifying: true) }
        document = RegistryDocument(registry: document.registry, profiles: profiles(entries, of: slug))
        documents[slug] = document
    }

    /// Turns a legacy map into one registry: each profile's settings become its `step_settings_patch`.
    mutating func parseLegacy(_ map: JSONObject, registry: RegistrySlug) {
        var profiles = JSONObject(minimumCapacity: map.count)
        for (name, settings) in map {
            guard case .object = settings else {
                let shown = FieldPath.excerpt(name)
                let line = places.root?.entry(name)?.keyLine
                note(
                    BundleProblem(
                        registry: registry.rawValue, path: "registry.profiles[\(shown)]",
                        reason: "legacy profile \"\(shown)\" must map to section settings",
                        line: line))
                continue
            }
            profiles[name] = ["runtime": ["step_settings_patch": settings]]
        }
        parse(["slug": .string(registry.rawValue), "profiles": .object(profiles)], key: nil, mayDiffer: true)
        for (name, _) in map where profiles[name] == nil {
            if let slug = ProfileSlug(name) { unreadable[registry, default: []].insert(slug) }
        }
    }

    private mutating func slug(_ header: JSONObject, key: String?, mayDiffer: Bool) -> RegistrySlug? {
        let inner = header["slug"]?.stringValue.flatMap { $0.allSatisfy(\.isWhitespace) ? nil : $0 }
        do throws(ValidationError) {
            if let given = header["slug"], !given.isNull, given.stringValue == nil {
                throw ValidationError(field: RegistrySlug.field, reason: "must be a string")
            }
            guard let inner else { return try RegistrySlug(validating: key ?? "") }
            let slug = try RegistrySlug(validating: inner)
            if !mayDiffer, let key, try RegistrySlug(validating: key) != slug {
                throw ValidationError(
                    field: RegistrySlug.field,
                    reason: "slug mismatch: the key is \"\(FieldPath.excerpt(key))\", the document says \"\(slug)\"")
            }
            return slug
        } catch {
            let line = line(ofKey: key)
            note(
                BundleProblem(
                    registry: FieldPath.excerpt(key ?? inner ?? ""), path: error.field, reason: error.reason,
                    line: line))
            return nil
        }
    }

    private mutating func profiles(_ entries: JSONValue, of registry: RegistrySlug) -> [Profile] {
        guard !entries.isNull else { return [] }
        guard case .object(let entries) = entries else {
            note(
                ValidationError(field: "registry.profiles", reason: "must be an object"), in: registry)
            return []
        }
        var found: [ProfileSlug: Profile] = [:]
        for (key, entry) in entries {
            let one: JSONValue = ["slug": .string(registry.rawValue), "profiles": .object([key: entry])]
            // The decoder of whole registries knows the rules between a key and its profile.
            let (document, wrong) = ProblemPeeler.decode(one, prefix: "registry.", limit: wanted) {
                document throws(ValidationError) in
                try RegistryDocument(document: document)
            }
            for error in wrong { note(error, in: registry) }
            guard let profile = document?.profiles.first else {
                if let slug = ProfileSlug(key) { unreadable[registry, default: []].insert(slug) }
                continue
            }
            if found.updateValue(profile, forKey: profile.slug) != nil {
                note(
                    ValidationError(
                        field: "registry.profiles[\(profile.slug)]",
                        reason: "two keys are the same slug after normalization"), in: registry)
            }
        }
        return Array(found.values)
    }

    private mutating func note(_ error: ValidationError, in registry: RegistrySlug, qualifying: Bool = false) {
        var error = error
        if qualifying, !error.field.hasPrefix("registry") {
            error = ValidationError(field: FieldPath.prepending("registry", to: error.field), reason: error.reason)
        }
        // Finding a line takes a while in a large document.
        let line = problems.count < Self.maximumProblems ? places.line(of: error.field, in: registry.rawValue) : nil
        note(BundleProblem(error, registry: registry.rawValue, line: line))
    }

    private func line(ofKey key: String?) -> Int? {
        guard let root = places.root else { return nil }
        guard places.format == .bundle, let key else { return root.line }
        return root["registries"]?.entry(key)?.keyLine ?? root.line
    }
}
