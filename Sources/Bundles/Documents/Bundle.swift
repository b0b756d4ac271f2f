package import Profiles

/// The registries found in one document, and everything that is wrong with them.
package struct Bundle: Sendable {
    package let format: BundleFormat
    /// In slug order. Where there are problems this is what could be read around them, good for finding more problems.
    package let documents: [RegistryDocument]
    package let problems: [BundleProblem]
    /// Profiles that are named and cannot be read, by registry.
    package let unreadable: [RegistrySlug: Set<ProfileSlug>]
    let places: BundlePlaces

    init(
        format: BundleFormat, documents: [RegistryDocument], problems: [BundleProblem], places: BundlePlaces,
        unreadable: [RegistrySlug: Set<ProfileSlug>] = [:]
    ) {
        self.format = format
        self.documents = documents
        self.problems = problems
        self.places = places
        self.unreadable = unreadable
    }

    /// The documents, each that names no default with the one that follows from its profiles.
    package var completed: [RegistryDocument] {
        documents.map { document in
            var document = document
            if document.registry.defaultProfileSlug == nil {
                document.registry.defaultProfileSlug = document.inferredDefault
            }
            return document
        }
    }

    /// What a later check found wrong with a registry of this document, with the line it is about.
    package func problem(_ error: ValidationError, in registry: RegistrySlug) -> BundleProblem {
        BundleProblem(error, registry: registry.rawValue, line: places.line(of: error.field, in: registry.rawValue))
    }

    /// Where a later check found something wrong; nil for JSON, which has no lines worth naming.
    package func line(of path: String, in registry: RegistrySlug) -> Int? {
        places.line(of: path, in: registry.rawValue)
    }
}

/// One thing that is wrong with a document of registries.
package struct BundleProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// The registry it is about, if it is about one.
    package let registry: String?
    /// As in `registry.profiles[agent].runtime.tools[0]`.
    package let path: String
    package let reason: String
    /// Counted from 1; nil in JSON.
    package let line: Int?

    package init(registry: String? = nil, path: String, reason: String, line: Int? = nil) {
        self.registry = registry
        self.path = path
        self.reason = reason
        self.line = line
    }

    package init(_ error: ValidationError, registry: String?, line: Int?) {
        self.init(registry: registry, path: error.field, reason: error.reason, line: line)
    }

    /// The origin's sentence, which clients match on.
    package var message: String { "validation error (\(path)): \(reason)" }

    package var description: String { (line.map { "line \($0): " } ?? "") + message }
}

/// A document that cannot be read at all.
package enum BundleError: Error, Sendable, Equatable, CustomStringConvertible {
    case syntax(String, line: Int?)
    case tooLarge(bytes: Int, limit: Int)

    package var description: String {
        switch self {
        case .syntax(let reason, _): reason
        case .tooLarge(let bytes, let limit): "the document has \(bytes) bytes, the limit is \(limit)"
        }
    }
}
