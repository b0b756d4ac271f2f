package import Profiles

/// A file of registries that the operator mounts into a tenant, to be read and never written (origin 5.4, 6.3).
package struct RegistrySource: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case yaml, sqlite
    }

    /// Nil: what the file's name or its first bytes say.
    package let kind: Kind?
    /// As the operator wrote it; relative to the working directory.
    package let path: String

    package init(kind: Kind?, path: String) {
        self.kind = kind
        self.path = path
    }

    /// What a tenant may see of it: the kind and the file's own name, never where it lies.
    package var label: String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return (kind.map { "\($0.rawValue):" } ?? "") + name
    }
}

/// Why a source cannot be used as it is.
package struct SourceFailure: Error, Sendable, Equatable {
    /// For logs and the operator's eyes: it may name paths.
    package let reason: String
    /// The same for a tenant's eyes: the file's own name at most, never where it lies.
    package let shownReason: String
    /// Counted from 1.
    package let line: Int?
    /// The registries the file is about, as far as it could be read.
    package let registries: [RegistrySlug]
    /// Whether the same file may be read well in a moment: another program's lock, a disk in trouble.
    let mayPass: Bool

    package init(_ reason: String, line: Int? = nil, registries: [RegistrySlug] = []) {
        self.init(reason, shown: reason, line: line, registries: registries)
    }

    /// About the file at `path`, which the reason may name.
    init(_ reason: String, at path: String, mayPass: Bool = false) {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        self.init(reason, shown: reason.replacing(path, with: name), line: nil, registries: [], mayPass: mayPass)
    }

    private init(_ reason: String, shown: String, line: Int?, registries: [RegistrySlug], mayPass: Bool = false) {
        self.reason = reason
        shownReason = shown
        self.line = line
        self.registries = registries
        self.mayPass = mayPass
    }
}

/// What a tenant's sources are read with; YAML is other people's knowledge.
package struct SourceReading: Sendable {
    /// Real paths; a source that lies in none of these is not read.
    package var directories: [String]
    /// Real paths of what is never read as a source, beside the gateway's own data: those of the gateway that this one
    /// is only a copy of.
    package var forbidden: [String] = []
    /// Whether the last source's registry is meant where none is named.
    package var takesDefault = true
    package var decodeYAML: @Sendable ([UInt8]) throws(SourceFailure) -> [RegistryDocument]

    package init(
        directories: [String] = [],
        decodeYAML: @escaping @Sendable ([UInt8]) throws(SourceFailure) -> [RegistryDocument] = {
            (_) throws(SourceFailure) in throw SourceFailure("YAML cannot be read here")
        }
    ) {
        self.directories = directories
        self.decodeYAML = decodeYAML
    }
}
