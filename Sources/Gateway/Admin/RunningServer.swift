internal import Glibc
internal import HTTPClient
internal import Tenants

/// The server that owns a data directory or a registry file, as its lock file describes it (`gateway.md §2`).
struct RunningServer: Sendable {
    let pid: Int32
    let url: LocalURL
    let token: String

    /// Looks for the server of this configuration; nil when nobody owns its files.
    ///
    /// A lock without a URL is of a server that is starting or of another command; both are waited for.
    ///
    /// - Throws: `ClientFailure` when there is an owner that cannot be asked.
    static func find(
        _ configuration: GatewayConfiguration, until deadline: ContinuousClock.Instant
    ) async throws(ClientFailure) -> RunningServer? {
        var paths = [DataDirectory.lockPath(in: configuration.dataDirectory)]
        if let file = configuration.registryFile { paths.append(RegistryFile(path: file.path).lockPath) }
        for path in paths {
            if let server = try await owner(of: path, until: deadline) { return server }
        }
        return nil
    }

    private static func owner(
        of path: String, until deadline: ContinuousClock.Instant
    ) async throws(ClientFailure) -> RunningServer? {
        while true {
            let holder: OwnershipLock.Holder
            do throws(RegistryError) {
                holder = try OwnershipLock.holder(of: path)
            } catch {
                throw ClientFailure(
                    .failed, "\(error.message); run this command as the user that owns the data (now: \(userName))")
            }
            guard case .process(let owner) = holder else { return nil }
            if let owner, let url = owner.url.flatMap({ LocalURL(parsing: $0) }), let token = owner.token {
                return RunningServer(pid: owner.pid, url: url, token: token)
            }
            guard ContinuousClock.now < deadline else {
                let name = owner.map { "process \($0.pid)" } ?? "another process"
                throw ClientFailure(
                    .failed,
                    "\(name) holds \(path) and does not serve: it is starting, stopping, or another command at work; "
                        + "try again when it is done")
            }
            // The wait is over early only when the command is; then the next look decides.
            try? await Task.sleep(for: .milliseconds(50))
        }
    }

    /// What a failed transfer to this server means for the command's user.
    func failure(_ error: TransferError) -> ClientFailure {
        switch error.kind {
        case .connectRefused, .connectTimeout, .resolve:
            ClientFailure(
                .failed,
                "the server at \(url) (process \(pid)) cannot be reached: \(error.message); "
                    + "if it is stopping, try again when it has stopped")
        case .reset, .truncated:
            ClientFailure(
                .failed,
                "the server at \(url) (process \(pid)) ended the connection before its answer was complete; "
                    + "look at the current state before trying again")
        default:
            ClientFailure(.failed, "the server at \(url) (process \(pid)) did not answer: \(error.message)")
        }
    }

    private static var userName: String {
        guard let entry = getpwuid(geteuid()), let name = entry.pointee.pw_name else { return "\(geteuid())" }
        return String(cString: name)
    }
}
