package import Profiles

/// What becomes of the profiles that an imported document does not name.
package enum ImportMode: String, Sendable {
    /// They stay.
    case merge
    /// They are removed.
    case replace
}

/// Registries to be written in one transaction.
package struct ImportRequest: Sendable {
    package var documents: [RegistryDocument]
    package var mode: ImportMode
    package var rules: ProfileRules
    /// Whether registries that are not there are created.
    package var createsRegistries: Bool
    /// Profiles that the document names and says unreadable things of: for a dry run, which finds what else is wrong.
    package var unreadable: [RegistrySlug: Set<ProfileSlug>]

    package init(
        _ documents: [RegistryDocument], mode: ImportMode = .merge, rules: ProfileRules,
        createsRegistries: Bool = true, unreadable: [RegistrySlug: Set<ProfileSlug>] = [:]
    ) {
        self.documents = documents
        self.mode = mode
        self.rules = rules
        self.createsRegistries = createsRegistries
        self.unreadable = unreadable
    }
}

/// One thing that keeps a document from being imported.
package struct ImportProblem: Sendable, Equatable {
    package let registry: RegistrySlug
    /// As in `registry.profiles[agent].policy.read_only`.
    package let path: String
    package let error: RegistryError

    package init(registry: RegistrySlug, path: String, error: RegistryError) {
        self.registry = registry
        self.path = path
        self.error = error
    }

    init(registry: RegistrySlug, _ error: ValidationError) {
        self.init(registry: registry, path: error.field, error: .validation(error))
    }

    /// Stands for the problems from one of this registry on; its path is empty.
    static func more(in registry: RegistrySlug) -> ImportProblem {
        ImportProblem(
            registry: registry,
            ValidationError(field: "", reason: "there are more problems, which are not listed"))
    }
}

/// What an import did, or would do.
package struct ImportResult: Sendable, Equatable {
    package enum Outcome: String, Sendable {
        case created, updated, unchanged, removed
    }

    package struct Profile: Sendable, Equatable {
        package let slug: ProfileSlug
        package let outcome: Outcome
        /// The version it has now (or had last); nil for a creation that was only tried.
        package let version: UInt64?
    }

    package struct Registry: Sendable, Equatable {
        package let slug: RegistrySlug
        package let outcome: Outcome
        package let version: UInt64?
        package let defaultProfile: ProfileSlug?
        /// In slug order.
        package let profiles: [Profile]
    }

    package let registries: [Registry]
}
