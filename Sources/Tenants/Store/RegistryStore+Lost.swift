import SQLite

extension RegistryStore {
    /// A registry that is missing, empty or not there any more although it held data is not made anew: an empty one would
    /// be served and backed up, and its backups would take the place of those that still hold the data.
    ///
    /// That there were data is known to this process, or told by the record or by a backup.
    ///
    /// - Parameter finding: what is wrong with the file, as the rest of a sentence.
    func requireNothingLost(because finding: String) throws(RegistryError) {
        if isLoaded || recorded.map({ $0.identity.size != 0 }) ?? false {
            throw .quarantined(
                "\(file.path) \(finding) but held data before; restore a backup, "
                    + "or, to begin anew, stop the gateway and move '\(file.statePath)' away")
        }
        let places = [backupDirectory, BackupPlace.own(of: file).directory, file.directory].compactMap { $0 }
        for directory in places where FileStatus(directory)?.kind == .directory {
            let names = try FileSystem.names(in: directory)
            guard let name = names.filter({ BackupName($0, of: file.name) != nil }).max() else { continue }
            throw .quarantined(
                "\(file.path) \(finding) but there are backups of it, such as \(directory)/\(name); restore one, "
                    + "or, to begin anew, stop the gateway and move them away")
        }
    }

    /// The same for a sound database in which nothing of ours is found. A new one has nothing either.
    func requireNothingLost(in writer: Connection) throws {
        try RegistrySchema.requireOurs(writer)
        if try RegistrySchema.hasNothingOfOurs(writer) { try requireNothingLost(because: "holds no registries") }
    }
}
