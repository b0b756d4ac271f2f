package import Profiles

/// Everything that can go wrong between a request and a tenant's registry file.
///
/// Exhaustive: the one place that turns errors into responses switches over it without a default. `message` carries
/// the origin's phrases (origin 2.6, 2.7), which clients match on.
package enum RegistryError: Error, Sendable, Equatable {
    package enum Resource: String, Sendable {
        case profile, registry
    }

    /// A stored value that cannot be used; it is never overwritten (gateway.md §6).
    package struct Damage: Sendable, Equatable {
        /// What stands for a table where a mounted file is meant: the row is its label, the column its line.
        static let source = "source"

        package let table: String
        package let row: String
        package let column: String
        package let reason: String

        package init(table: String, row: String, column: String, reason: String) {
            self.table = table
            self.row = row
            self.column = column
            self.reason = reason
        }
    }

    // What the request asked for.
    case tenantNotFound(String)
    case tenantExists(String)
    case registryNotFound(String)
    case profileNotFound(String)
    case versionNotFound(Resource, String, UInt64)
    /// The version is a deletion: it has no content to go back to; 409.
    case versionIsDeletion(String, UInt64)
    case validation(ValidationError)
    /// `policy violation for profile "<slug>": <reason>`; 403.
    case policy(profile: String, reason: String)
    case versionConflict(Resource, String, expected: UInt64, actual: UInt64)
    /// An `If-Match` or `If-None-Match` that does not hold; 412.
    /// Which of the request's headers did not hold.
    case preconditionFailed(Resource, String, by: PreconditionHeader, actual: UInt64)
    /// `expected_version` and `If-Match` name different states; 400.
    case preconditionsDisagree(Resource, String)
    /// The default profile cannot be deleted while others are there; 409.
    case defaultProfile(String, registry: String)
    /// Other profiles stack on this one; 409 listing them as `registry/profile`.
    case inUse(String, by: [String])
    case registryNotEmpty(String, profiles: Int)
    /// The registry is mounted from a source, which is only read; 403.
    case readOnlySource(registry: String, source: String)
    /// The registry is mounted from a source: there are no versions of it to be asked for; 404.
    case noVersions(registry: String, source: String)
    /// No registry is named, and the source that says which one is meant cannot be used; 503.
    case defaultRegistryUnavailable(source: String)
    /// Everything that keeps a document from being imported; never empty.
    case importRefused([ImportProblem])
    /// The registry `default` cannot be deleted.
    case registryProtected(String)

    // The state of the tenant's file.
    case damaged(Damage)
    case quarantined(String)
    /// Another process holds the file's write lock; nothing was changed; seconds until a retry makes sense.
    case busy(retryAfter: Int)
    /// Too many questions to the file wait already; nothing was read; seconds until a retry makes sense.
    case readsBusy(retryAfter: Int)
    case diskFull(String)
    case readOnly(String, String)
    case storage(String)
    /// The commit's fsync failed or the file was replaced under it: it may or may not be there. Read again.
    case commitOutcomeUnknown(String)
    case closed
    /// A backup is being put in the file's place; seconds until a retry makes sense.
    case restoring(retryAfter: Int)

    // Backups.
    case backupNotFound(String)
    /// A file that cannot be restored, and why; nothing was changed.
    case backupInvalid(String)
    /// A backup could not be made: the copy is not what it should be.
    case backupFailed(String)
    /// Long work was given up, by its caller or because the process stops.
    case cancelled(String)

    // What is found at start.
    case newerSchema(path: String, found: Int64, known: Int64)
    case unsafePath(String, String)
    case inUseByProcess(path: String, pid: Int32?, url: String?)
}

extension RegistryError: CustomStringConvertible {
    /// The sentence for whoever caused or can repair it. File errors name paths: for logs and the operator's terminal.
    package var message: String {
        switch self {
        case .tenantNotFound(let slug): return "tenant not found: \(slug)"
        case .tenantExists(let slug): return "tenant \"\(slug)\" already exists"
        case .registryNotFound(let slug): return "registry not found: \(slug)"
        case .profileNotFound(let slug): return "profile not found: \(slug)"
        case .versionNotFound(let resource, let slug, let version):
            return "\(resource.rawValue) \"\(slug)\" has no version \(version)"
        case .versionIsDeletion(let slug, let version):
            return "version \(version) of profile \"\(slug)\" is its deletion and has no content: "
                + "roll back to an earlier version, or delete the profile"
        case .validation(let error): return error.description
        case .policy(let profile, let reason): return "policy violation for profile \"\(profile)\": \(reason)"
        case .versionConflict(let resource, let slug, let expected, let actual):
            return "\(resource.rawValue) \"\(slug)\" version conflict: expected=\(expected) actual=\(actual)"
        case .preconditionFailed(let resource, let slug, _, let actual):
            return "precondition failed for \(resource.rawValue) \"\(slug)\": its current version is \(actual)"
        case .preconditionsDisagree(let resource, let slug):
            return "expected_version and If-Match name different versions of \(resource.rawValue) \"\(slug)\""
        case .defaultProfile(let slug, let registry):
            return "profile \"\(slug)\" is the default of registry \"\(registry)\": "
                + "name another with new_default, or make another the default first"
        case .inUse(let slug, let users):
            return "profile \"\(slug)\" is in use: stacked on by \(users.joined(separator: ", "))"
        case .registryNotEmpty(let slug, let profiles):
            return "registry \"\(slug)\" still has \(profiles) profile\(profiles == 1 ? "" : "s"); "
                + "delete them first, or repeat with force=true"
        case .readOnlySource(let registry, let source):
            return "store is read-only: registry \"\(registry)\" is backed by read-only \(source)"
        case .noVersions(let registry, let source):
            return "registry \"\(registry)\" is mounted from read-only \(source) and has no versions; "
                + "only its current state can be read"
        case .defaultRegistryUnavailable(let source):
            return "the default registry is unavailable: \(source), which says which one that is, cannot be used now; "
                + "name a registry, or have the operator mend the source (the log says what is wrong)"
        case .importRefused(let problems):
            let others = problems.count > 1 ? " (and \(problems.count - 1) more)" : ""
            return (problems.first?.error.message ?? "the import is refused") + others
        case .registryProtected(let slug): return "registry \"\(slug)\" cannot be deleted"
        default: return storageMessage
        }
    }

    package var description: String { message }

    /// The sentence for somebody who looks at a file, whether its tenant serves or not.
    var finding: String {
        if case .quarantined(let reason) = self { reason } else { message }
    }

    private var storageMessage: String {
        switch self {
        case .damaged(let damage) where damage.table == Damage.source:
            return "source is damaged: \(damage.row), \(damage.column): \(damage.reason); mend the file"
        case .damaged(let damage):
            return "stored data is damaged: table \(damage.table), row \(damage.row), column \(damage.column): "
                + "\(damage.reason); repair the row or restore a backup"
        case .quarantined(let reason): return "tenant is quarantined: \(reason)"
        case .busy: return "the registry file is locked by another process; nothing was changed, try again"
        case .readsBusy: return "too many requests are reading this tenant's history; try again"
        case .diskFull(let path): return "no space left on the disk of \(path); nothing was changed"
        case .readOnly(let path, let reason): return "\(path) cannot be written: \(reason)"
        case .storage(let reason): return "storage failed: \(reason)"
        case .commitOutcomeUnknown(let reason):
            return "the outcome of the change is unknown: \(reason); read the current state before trying again"
        case .closed: return "the registry is closed"
        case .restoring: return "a backup is being restored; try again in a moment"
        case .backupNotFound(let name): return "backup not found: \(name)"
        case .backupInvalid(let reason): return "cannot be restored: \(reason)"
        case .backupFailed(let reason): return "no backup was made: \(reason)"
        case .cancelled(let what): return "given up while \(what)"
        case .newerSchema(let path, let found, let known):
            return "\(path) has schema version \(found), this program knows up to \(known); "
                + "use the newer program or restore a backup made by this one"
        case .unsafePath(let path, let reason): return "\(path) \(reason)"
        case .inUseByProcess(let path, let pid, let url):
            let owner = pid.map { "process \($0)" } ?? "another process"
            return "\(path) is in use by \(owner)\(url.map { " serving \($0)" } ?? ""); stop it first"
        default: return ""
        }
    }
}
