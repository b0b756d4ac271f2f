internal import Glibc
internal import HTTPClient
internal import Profiles
internal import Tenants

/// The server that owns a data directory or a registry file, as its lock file describes it (`gateway.md §2`).
struct RunningServer: Sendable {
    let pid: Int32
    let url: LocalURL
    let token: String
    /// Who answers there where no tenant is named; nil when it does not say.
    let defaultTenant: String?

    /// Looks for the server of this configuration; nil when nobody owns its files.
    ///
    /// A lock without a URL is of a server that is starting or of another command; both are waited for.
    ///
    /// Where a registry file is named, the server must own it as well as the data directory: a command must not reach
    /// another file than the one it names.
    ///
    /// - Throws: `ClientFailure` when there is an owner that cannot be asked, or one of something else as well.
    static func find(
        _ configuration: GatewayConfiguration, until deadline: ContinuousClock.Instant
    ) async throws(ClientFailure) -> RunningServer? {
        let dataLock = DataDirectory.lockPath(in: configuration.dataDirectory)
        guard let file = configuration.registryFile else { return try await owner(of: dataLock, until: deadline) }
        let fileLock = RegistryFile(path: file.path).lockPath
        var disagreements = 0
        while true {
            let ofData = try await owner(of: dataLock, until: deadline)
            let ofFile = try await owner(of: fileLock, until: deadline)
            if let ofData, let ofFile, ofData.token == ofFile.token, ofData.pid == ofFile.pid {
                try ofData.requireDefaultTenant(configuration, of: file.path)
                return ofData
            }
            if ofData == nil, ofFile == nil { return nil }
            // One that starts or stops takes or lets go of the two one after the other.
            disagreements += 1
            guard disagreements < 5 else { throw mismatch(ofData, ofFile, configuration.dataDirectory, file.path) }
            // The wait is over early only when the command is; then the next look decides.
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    private static func mismatch(
        _ ofData: RunningServer?, _ ofFile: RunningServer?, _ directory: String, _ file: String
    ) -> ClientFailure {
        guard let ofFile else {
            let owner = ofData.map { "process \($0.pid) at \($0.url)" } ?? "another process"
            return ClientFailure(
                .failed,
                "\(owner) serves the data directory \(directory), but not the registry file \(file): give the "
                    + "--data-dir that belongs to this file, or, for the data of that process, the registry file it "
                    + "was started with, or none")
        }
        let other = ofData.map { "is owned by process \($0.pid)" } ?? "is not its own"
        return ClientFailure(
            .failed,
            "process \(ofFile.pid) at \(ofFile.url) serves the registry file \(file), and the data directory "
                + "\(directory) \(other): give the --data-dir that process \(ofFile.pid) was started with")
    }

    /// A registry file is the default tenant's, and must be the same tenant's for the server as for the command.
    private func requireDefaultTenant(
        _ configuration: GatewayConfiguration, of file: String
    ) throws(ClientFailure) {
        guard let defaultTenant, defaultTenant != configuration.defaultTenant?.rawValue else { return }
        throw ClientFailure(
            .failed,
            "process \(pid) at \(url) serves the registry file \(file) as the tenant \(defaultTenant), and the "
                + "default tenant of this command is \(configuration.defaultTenant?.rawValue ?? "nobody"): "
                + "add --default-tenant \(defaultTenant)")
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
                return RunningServer(pid: owner.pid, url: url, token: token, defaultTenant: owner.defaultTenant)
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
