import GatewayTestSupport
import Glibc
import Profiles

@testable import Tenants

/// A data directory with tenants and a service that backs them up.
final class BackupTenants: Sendable {
    let tenants: TestTenants
    let service: BackupService

    /// - Parameters:
    ///   - clock: a wall clock that stands still, in milliseconds since 1970.
    ///   - dueMs: since when there should be a scheduled backup; nil where nothing is scheduled.
    init(
        in scratch: ScratchDirectory? = nil, configured: [String] = ["default"], clock: Int64? = nil,
        dueMs: Int64? = nil, adjust: (inout TenantDirectory.Configuration) -> Void = { _ in }
    ) throws {
        tenants = try TestTenants(in: scratch, configured: configured, clock: clock, adjust: adjust)
        var settings = BackupService.Settings()
        settings.gatewayVersion = "1.2.3"
        if let dueMs { settings.overdueBefore = { _ in dueMs } }
        service = try BackupService(tenants.directory, settings: settings)
    }

    var scratch: ScratchDirectory { tenants.scratch }
    var data: DataDirectory { tenants.data }
    var context: ChangeContext { tenants.context }

    func tenant(_ name: String = "default") async throws -> Tenant { try await tenants.tenant(name) }
    func path(_ name: String = "default") -> String { tenants.path(name) }

    @discardableResult
    func shell(_ sql: String, _ tenant: String = "default") async -> String { await tenants.shell(sql, tenant) }

    /// Names of temporaries anywhere in the data directory.
    func leftovers() async -> String {
        await Shell.run("find '\(data.path)' -name '*.part*' -o -name '*restoring*' -o -name '*.copying*' | sort")
    }

    func close() async {
        await service.stop()
        await tenants.directory.close()
    }
}

extension TenantSlug {
    static let `default` = TenantSlug(normalised: "default")
}

/// A directory on another file system than `/tmp`, removed at the end; nil where there is none.
final class FarDirectory {
    let path: String

    init?() {
        var template = Array("/dev/shm/profile-gateway-test-XXXXXX".utf8CString)
        guard FileIdentity.of("/dev/shm")?.device != FileIdentity.of("/tmp")?.device, let made = mkdtemp(&template)
        else { return nil }
        path = String(cString: made)
    }

    deinit {
        guard let stream = popen("rm -rf '\(path)'", "r") else { return }
        pclose(stream)
    }
}
