import Glibc
package import SQLite

extension RegistryError {
    /// What an error of SQLite means for the tenant whose file it is about.
    package init(_ error: SQLiteError, path: String) {
        switch error.systemError {
        case ENOSPC, EDQUOT:
            self = .diskFull(path)
            return
        case EROFS, EACCES, EPERM:
            self = .readOnly(path, error.message)
            return
        default: break
        }
        switch error.code.primary {
        case .busy, .locked: self = .busy(retryAfter: 1)
        case .full: self = .diskFull(path)
        case _ where error.code == .sharedMemorySize: self = .diskFull(path)
        case .readOnly, .permission: self = .readOnly(path, error.message)
        case .corrupt, .notADatabase: self = .damagedFile(path, error.message)
        case .cannotOpen where error.code == .cannotOpenSymlink: self = .unsafePath(path, "is a symbolic link")
        case .error where error.message.hasPrefix("no such table"),
            .error where error.message.hasPrefix("no such column"):
            // Dropped by another process (origin S32); the next start creates it again.
            self = .quarantined("\(path): \(error.message); restart, or restore a backup")
        default: self = .storage("\(path): \(error)")
        }
    }

    /// Any error of the storage code as one of ours.
    init(_ error: any Error, path: String) {
        switch error {
        case let error as RegistryError: self = error
        case let error as SQLiteError: self.init(error, path: path)
        default: self = .storage("\(path): \(error)")
        }
    }

    /// A file whose content makes no sense to SQLite.
    static func damagedFile(_ path: String, _ reason: String) -> RegistryError {
        .quarantined("\(path)\(damagePhrase)\(reason); restore a backup")
    }

    private static let damagePhrase = " is damaged: "

    /// Whether it may be the disk and not the file: SQLite reports a sector that cannot be read as damage, too.
    var mayBeTheDisk: Bool {
        if case .quarantined(let reason) = self { reason.contains(Self.damagePhrase) } else { false }
    }

    /// Another process holds a lock: the same may succeed in a moment.
    var isBusy: Bool {
        if case .busy = self { true } else { false }
    }

    /// Whether the file itself is the reason, so that the tenant is set aside until the file changes.
    var isAboutTheFile: Bool {
        switch self {
        case .quarantined, .newerSchema, .unsafePath: true
        default: false
        }
    }
}
