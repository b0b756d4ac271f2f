internal import Glibc
internal import HTTPServer
internal import Tenants

/// Which directories an operator's request may name (`gateway.md §9`).
struct BackupPaths: Sendable {
    let configuration: GatewayConfiguration

    /// Checks a directory that backups shall go to.
    ///
    /// - Throws: `Problem` 400 when it is not absolute or lies in no configured directory, `RegistryError` `closed`.
    func directory(_ path: String, _ context: RequestContext, param: String) async throws -> String {
        try await check(path, isItself: true, context, param: param)
    }

    /// Checks a file that shall be restored.
    func file(_ path: String, _ context: RequestContext, param: String) async throws -> String {
        try await check(path, isItself: false, context, param: param)
    }

    private func check(
        _ path: String, isItself: Bool, _ context: RequestContext, param: String
    ) async throws -> String {
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw Problem.badRequest("\(param) must be an absolute path", code: "invalid_path", param: param)
        }
        // The command line of this machine acts for somebody who can copy files himself.
        if context.principal.source == "cli" { return path }
        let parent = isItself ? path : String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        let named =
            [configuration.dataDirectory, configuration.backups.directory].compactMap { $0 }
            + configuration.backupDirectories
        // A disk is asked, maybe one that is slow to answer: on a thread that may wait for it.
        let (found, allowed) = try await context.services.backups.blocking {
            () throws(RegistryError) -> (String?, [String]) in
            (FileSystem.plannedPath(parent), named.compactMap(Self.realPath))
        }
        guard let real = found else {
            throw Problem.notFound("there is no directory \(parent)", code: "directory_not_found", param: param)
        }
        guard allowed.contains(where: { real == $0 || real.hasPrefix($0 == "/" ? $0 : $0 + "/") }) else {
            throw Problem.forbidden(
                "\(path) lies neither in the data directory nor in one of backup_directories", code: "path_not_allowed",
                param: param)
        }
        return path
    }

    private static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
