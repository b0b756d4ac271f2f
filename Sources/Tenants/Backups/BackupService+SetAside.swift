// What restores have set aside. The operator's stays until he removes it; what a tenant's own restores leave is bounded, or
// a tenant could fill the disk that all share.
extension BackupService {
    /// So many old files of tenants' own restores are kept; each can be put back.
    static let keptOfTenants = 3

    /// What is appended to a replaced file's name, by whose restore it is.
    static func replacedSuffix(ms: Int64, isOperators: Bool) -> String {
        isOperators ? ".replaced-\(ms)" : tenantsSuffix + "\(ms)"
    }

    private static let tenantsSuffix = ".replaced-by-tenant-"

    /// Removes the oldest of what the tenant's own restores have set aside. On a thread that may block.
    func boundReplaced(of file: RegistryFile) throws(RegistryError) {
        let prefix = file.name + Self.tenantsSuffix
        var times: Set<Int64> = []
        for name in try FileSystem.names(in: file.directory) where name.hasPrefix(prefix) {
            if let time = Int64(name.dropFirst(prefix.count).prefix { $0.isNumber }) { times.insert(time) }
        }
        for time in times.sorted().dropLast(Self.keptOfTenants) {
            let old = RegistryFile(path: file.path + Self.tenantsSuffix + "\(time)")
            for path in old.sidePaths + [old.statePath, old.path] { try FileSystem.removeOwn(path) }
        }
    }
}
