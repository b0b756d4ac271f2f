package import Profiles
import SQLite

extension RegistryTransaction {
    /// Makes the content of an earlier version the current one, as a new version; brings a deleted profile back.
    ///
    /// Judged as any write of today: what has since become invalid is refused, and so are a stack that no longer
    /// resolves and a read-only profile. The content the profile already has changes nothing. Throws `versionNotFound`,
    /// `versionIsDeletion`, `profileNotFound` when there never was such a profile, `policy`, `versionConflict`,
    /// `preconditionFailed`, `validation`, `damaged`.
    package mutating func rollBackProfile(
        _ slug: ProfileSlug, in registry: RegistrySlug, _ body: RollbackBody, if precondition: Precondition = .none
    ) throws(RegistryError) -> (entry: ProfileEntry, isNew: Bool) {
        let found = try usableRegistry(registry)
        let entry = found.profile(slug)
        let current = try entry?.profile()
        if let current { try refuseReadOnly(current) }
        try precondition.adding(body.expectedVersion, .profile, slug.rawValue).check(.profile(slug, entry))
        let content = try content(of: slug, in: registry, version: body.version, exists: entry != nil)
        let stamp = stamp(after: found)
        let profile = try validated { () throws(ValidationError) in
            try body.makeProfile(from: content, replacing: current, stamp)
        }
        note = "rollback to version \(body.version)"
        defer { note = nil }
        guard let entry else {
            return (try insert(profile, in: found, becomesDefault: false, action: .rollback), true)
        }
        return (try write(profile, over: entry, in: found, becomesDefault: false, action: .rollback), false)
    }

    /// The profile as it was at a version.
    private func content(
        of slug: ProfileSlug, in registry: RegistrySlug, version: UInt64, exists: Bool
    ) throws(RegistryError) -> Profile {
        let row = try writing { connection throws(SQLiteError) in
            try HistorySQL.version(version, of: slug, in: registry, connection)
        }
        guard let row else {
            let isKnown = try writing { connection throws(SQLiteError) in
                try HistorySQL.isKnown(slug, in: registry, connection)
            }
            guard exists || isKnown else { throw .profileNotFound(slug.rawValue) }
            throw .versionNotFound(.profile, slug.rawValue, version)
        }
        guard let profile = try row.decodeProfile() else { throw .versionIsDeletion(slug.rawValue, version) }
        return profile
    }
}
