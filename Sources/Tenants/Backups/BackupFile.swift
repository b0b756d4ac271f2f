package import JSON

/// A backup that lies somewhere: made by us, with a manifest, or by the runbook's `cp`, without.
package struct BackupFile: Sendable {
    let name: BackupName
    package let path: String
    package let bytes: Int64
    /// When it was made: as its manifest says, else as its name says.
    package let createdAtMs: Int64
    /// Nil for a copy that somebody made by hand, or when it cannot be read.
    package let manifest: BackupManifest?

    /// Nil when the path names no plain file.
    init?(_ name: BackupName, in place: BackupPlace) {
        let path = place.path(name.text)
        guard let status = FileStatus(path), status.kind == .file else { return nil }
        self.name = name
        self.path = path
        bytes = status.identity.size
        // One manifest that cannot be read keeps nobody from the other backups; a restore of this one says why.
        let bytes = try? FileSystem.read(path + BackupManifest.suffix)
        manifest = bytes.flatMap { BackupManifest(parsing: $0) }
        createdAtMs = manifest?.createdAtMs ?? name.timeMs ?? status.identity.modifiedNs / 1_000_000
    }

    /// Of the registry file, and not of what lies beside it.
    package var isOfRegistry: Bool { !BackupService.companions.contains(name.base) }

    package var fileName: String { name.text }

    func isOlder(than other: BackupFile) -> Bool {
        // Whole seconds: a copy made by hand says no more, and its number decides within one.
        let (mine, theirs) = (createdAtMs / 1000, other.createdAtMs / 1000)
        if mine != theirs { return mine < theirs }
        return name.number != other.name.number ? name.number < other.name.number : createdAtMs < other.createdAtMs
    }

    /// The document the API lists (docs/backup.md).
    package func document(showsPath: Bool) -> JSONValue {
        var object: JSONObject = [
            "name": .string(name.text), "file": .string(name.base), "bytes": .number(JSONNumber(bytes)),
            "created_at_ms": .number(JSONNumber(createdAtMs)), "has_manifest": .bool(manifest != nil),
        ]
        if showsPath { object["path"] = .string(path) }
        guard let manifest else { return .object(object) }
        object["sha256"] = .string(manifest.sha256)
        object["gateway_version"] = .string(manifest.gatewayVersion)
        manifest.content.append(to: &object)
        return .object(object)
    }
}
