import JSON
package import Profiles

/// Reads documents of registries: the three forms of origin 6.1, in YAML or JSON.
package struct BundleReader: Sendable {
    /// As geppetto reads since 2026-02-25: one registry with a slug, no `default_profile_slug` (origin 6.1, YA-10).
    package var isStrict = false
    /// The registry that a legacy map becomes, and one registry that names none.
    package var defaultRegistry = RegistrySlug.default
    package var maximumBytes = 64 << 20
    /// A bundle has two levels more than a registry of its own.
    private let limits = YAMLLimits(depth: RegistryDocument.maximumDepth + 2)

    package init() {}

    /// Reads a document.
    ///
    /// Problems of the registries are part of the result, all of them; the error is only for what cannot be read at all.
    /// Blocks for as long as the text is large: not for threads that serve connections.
    package func read(_ bytes: [UInt8], as syntax: BundleSyntax) throws(BundleError) -> Bundle {
        guard bytes.count <= maximumBytes else { throw .tooLarge(bytes: bytes.count, limit: maximumBytes) }
        switch syntax {
        case .json:
            let document: JSONValue
            do {
                document = try JSONValue(parsing: bytes, maximumDepth: limits.depth, maximumValues: limits.values)
            } catch { throw .syntax("\(error)", line: nil) }
            return read(document, root: nil)
        case .yaml:
            let root: YAMLNode?
            do { root = try YAMLNode.parse(bytes, limits: limits) } catch {
                throw .syntax("\(error)", line: error.line)
            }
            guard let root else { return read([:], root: nil) }
            return read(root.json, root: root)
        }
    }

    private func read(_ document: JSONValue, root: YAMLNode?) -> Bundle {
        if document.isNull { return Bundle(format: .empty, documents: [], problems: [], places: .none) }
        guard case .object(let object) = document else {
            return refused(.invalid, "", "the document must be a mapping, not \(document.kindPhrase)", root)
        }
        let format = BundleFormat(of: object)
        if isStrict, let refusal = strictRefusal(of: format, object, root) { return refusal }
        switch format {
        case .empty, .invalid: return Bundle(format: format, documents: [], problems: [], places: .none)
        case .bundle: return bundle(object, root)
        case .singleRegistry:
            let value = root?.json(.registry) ?? document
            var parser = RegistryParser(places: BundlePlaces(root: root, format: format))
            parser.parse(value, key: isStrict ? nil : defaultRegistry.rawValue, mayDiffer: true)
            return parser.result(format)
        case .legacyMap:
            var parser = RegistryParser(places: BundlePlaces(root: root, format: format))
            parser.parseLegacy(object, registry: defaultRegistry)
            return parser.result(format)
        }
    }

    private func bundle(_ object: JSONObject, _ root: YAMLNode?) -> Bundle {
        var parser = RegistryParser(places: BundlePlaces(root: root, format: .bundle))
        for key in object.keys where key != "registries" {
            let name = FieldPath.excerpt(key)
            parser.note(
                BundleProblem(
                    path: name, reason: "unknown field \"\(name)\" beside registries", line: root?.entry(key)?.keyLine))
        }
        switch object["registries"] {
        case .object(let registries):
            for (key, value) in registries {
                parser.parse(root?["registries"]?[key]?.json(.registry) ?? value, key: key, mayDiffer: false)
            }
        case .null?: break
        default:
            parser.note(
                BundleProblem(
                    path: "registries", reason: "registries must be a mapping",
                    line: root?.entry("registries")?.keyLine))
        }
        return parser.result(.bundle)
    }

    private func strictRefusal(of format: BundleFormat, _ object: JSONObject, _ root: YAMLNode?) -> Bundle? {
        switch format {
        case .bundle:
            return refused(
                format, "registry",
                "top-level registries is not supported in strict form: one file holds one registry", root)
        case .legacyMap:
            return refused(format, "registry", "legacy profile-map format is not supported in strict form", root)
        case .singleRegistry:
            if object["default_profile_slug"] != nil {
                return refused(
                    format, "registry.default_profile_slug",
                    "is not supported in strict form: the default is the profile \"default\", else the first", root)
            }
            let slug = root?.json(.registry)["slug"] ?? object["slug"] ?? .null
            if slug.isNull || slug.stringValue.map({ $0.allSatisfy(\.isWhitespace) }) == true {
                return refused(format, "registry.slug", "must be set for runtime YAML sources", root)
            }
            return nil
        case .empty, .invalid: return nil
        }
    }

    private func refused(_ format: BundleFormat, _ path: String, _ reason: String, _ root: YAMLNode?) -> Bundle {
        let places = BundlePlaces(root: root, format: format)
        let problem = BundleProblem(path: path, reason: reason, line: places.line(of: path, in: nil))
        return Bundle(format: format, documents: [], problems: [problem], places: places)
    }
}

extension BundlePlaces {
    static let none = BundlePlaces(root: nil, format: .empty)
}
