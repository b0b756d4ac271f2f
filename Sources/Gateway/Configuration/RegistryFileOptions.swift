// Where the default tenant's registry file is when the operator names it (`--profile-registry-db`, the runbook's
// path form, or `--profile-registry-dsn`), and how it is opened. A path is a path: nothing in it is ever decoded or
// read as a URI, so names with `#`, `?` or `%41` open exactly that file (origin D43).

package import SQLite

/// A registry file named by the operator.
package struct RegistryFileOptions: Sendable, Equatable {
    /// As the operator meant it, percent-decoded if it came from a DSN; relative to the working directory.
    package let path: String
    /// How it is opened; the storage floor adds its own hardening.
    package let options: ConnectionOptions
    /// Whether a missing file is created (and its directories with it): not with `mode=rw` or `mode=ro`.
    package var createsFile: Bool { options.access == .readWriteCreate }
    /// What the DSN asked for that has no effect here, one sentence each; to be logged at start.
    package let remarks: [String]

    package init(path: String, options: ConnectionOptions, remarks: [String] = []) {
        self.path = path
        self.options = options
        self.remarks = remarks
    }

    /// The path form: `_journal_mode=WAL`, `_busy_timeout=5000`, `_foreign_keys=on` (origin S09).
    package init(path: String) throws(InvalidSetting) {
        try Self.check(path)
        if path.lowercased().hasPrefix("file:") {
            throw InvalidSetting(
                "`\(path)` is a DSN; use profile_registry_dsn (--profile-registry-dsn) for it, "
                    + "or ./\(path) if the file is really named so")
        }
        self.init(path: path, options: ConnectionOptions())
    }

    /// Refuses what can be no file of ours; shared by both forms.
    static func check(_ path: String) throws(InvalidSetting) {
        if path.isEmpty { throw InvalidSetting("names no file") }
        if path.utf8.contains(0) { throw InvalidSetting("the path contains a NUL character") }
        if path == ":memory:" {
            throw InvalidSetting("`:memory:` keeps nothing; name a file (./:memory: is one of that name)")
        }
        if path.hasSuffix("/") { throw InvalidSetting("`\(path)` is a directory; name a file in it") }
    }
}
