import Profiles
import Synchronization
import Testing

@testable import Tenants

/// How old the newest backup is, and which ones count for that.
struct BackupAgeTests {
    private static let nowMs: Int64 = 1_790_000_000_000
    private static let dueMs = nowMs - 3_600_000

    /// A tenant with copies as the runbook's `cp` names them, by the seconds they are dated ahead of the clock.
    private func given(dated seconds: [Int64], dueMs: Int64? = dueMs) async throws -> (BackupTenants, [String]) {
        let tenants = try BackupTenants(clock: Self.nowMs, dueMs: dueMs)
        _ = try await tenants.tenant()
        let place = tenants.data.path + "/tenants/default/backups"
        #expect(await Shell.run("mkdir -m 700 -p '\(place)'") == "")
        let names = seconds.map { BackupName(of: "profiles.db", ms: Self.nowMs + $0 * 1000).text }
        for name in names {
            #expect(await tenants.shell(".backup '\(place)/\(name)'") == "")
            await Shell.run("chmod 600 '\(place)/\(name)'")
        }
        return (tenants, names)
    }

    private func ageCheck(_ tenants: BackupTenants) async throws -> HealthCheck {
        try #require(try await tenants.service.verify(.default).checks.first { $0.id == "backups.age" })
    }

    @Test func `a backup dated ahead of the clock is named, and is no proof of a recent one`() async throws {
        let (tenants, names) = try await given(dated: [86_400 * 365, -7_200])
        let age = try await ageCheck(tenants)
        #expect(age.status == .warning)
        #expect(age.found.contains("the newest, \(names[1]), is 2 h old; a scheduled one is overdue"))
        #expect(age.found.contains("\(names[0]) is dated ahead of the clock"))
        #expect(age.advice?.contains("profile-gateway backup --tenant default") == true)
        let late = try await tenants.service.overdue()
        #expect(late.map(\.tenant.rawValue) == ["default"] && late[0].newest?.fileName == names[1])
        #expect(try await !tenants.service.hasBackup(of: .default, since: Self.dueMs))
        #expect(try await tenants.service.newest(of: .default)?.fileName == names[1])
        #expect(try await tenants.service.list(.default).map(\.fileName) == names, "in the list it stays the newest")

        _ = try await tenants.service.backUp(.default)
        #expect(try await tenants.service.overdue().isEmpty)
        #expect(try await tenants.service.hasBackup(of: .default, since: Self.dueMs))
        let after = try await ageCheck(tenants)
        #expect(after.status == .warning && !after.found.contains("overdue") && after.found.contains(names[0]))
        await tenants.close()
    }

    @Test func `where all are dated ahead there is as good as none`() async throws {
        let (tenants, names) = try await given(dated: [900, 600])
        let age = try await ageCheck(tenants)
        #expect(age.status == .warning && age.found.contains("none of them with a time that can be true"))
        #expect(age.found.contains("\(names[0]) and 1 more are dated ahead"))
        let late = try await tenants.service.overdue()
        #expect(late.count == 1 && late.first?.newest == nil && late.first?.reason == nil)
        #expect(try await tenants.service.newest(of: .default)?.fileName == names[0], "still one to practise with")
        await tenants.close()
    }

    @Test(arguments: [(240, true), (600, false)])
    func `two clocks of one operator may be some minutes apart`(seconds: Int64, counts: Bool) async throws {
        let (tenants, _) = try await given(dated: [seconds])
        #expect(try await ageCheck(tenants).status == (counts ? .ok : .warning))
        #expect(try await tenants.service.overdue().isEmpty == counts)
        await tenants.close()
    }

    @Test func `the manifest's time decides before the name's`() async throws {
        let ahead = try BackupTenants(clock: Self.nowMs + 86_400_000)
        let file = try await ahead.service.backUp(.default).files[0]
        await ahead.close()
        let old = file.path.replacing(file.fileName, with: "profiles.db.bak.20200101-000000")
        await Shell.run("mv '\(file.path)' '\(old)'; mv '\(file.path).json' '\(old).json'")
        let tenants = try BackupTenants(in: ahead.scratch, clock: Self.nowMs, dueMs: Self.dueMs)
        #expect(try await ageCheck(tenants).found.contains("20200101-000000 is dated ahead of the clock"))
        #expect(try await tenants.service.overdue().count == 1)
        await tenants.close()
    }

    @Test func `without any backup a tenant is overdue where something is scheduled, and nowhere else`() async throws {
        let (unscheduled, _) = try await given(dated: [], dueMs: nil)
        #expect(try await unscheduled.service.overdue().isEmpty)
        await unscheduled.close()
        let (tenants, _) = try await given(dated: [])
        #expect(try await tenants.service.overdue().map(\.newest?.fileName) == [nil])
        await tenants.close()
    }

    @Test func `looking at backups waits for no copy`() async throws {
        let (tenants, names) = try await given(dated: [-7_200])
        let gate = Gate()
        let copies = (0..<2).map { _ in
            Task { try await tenants.service.blocking { () throws(RegistryError) in gate.wait() } }
        }
        #expect(await eventually { gate.arrivals == 2 })
        let seen = Mutex<[[String]]>([])
        let look = Task {
            let listed = try await tenants.service.list(.default).map(\.fileName)
            seen.withLock { $0.append(listed) }
            let overdue = try await tenants.service.overdue().map(\.tenant.rawValue)
            seen.withLock { $0.append(overdue) }
            let isThere = try await tenants.service.hasBackup(of: .default, since: Self.dueMs)
            let ofControl = try await tenants.service.listControl().map(\.fileName)
            seen.withLock { $0.append(isThere ? ["there"] : ofControl) }
        }
        #expect(await eventually { seen.withLock { $0 } == [names, ["default"], []] })
        gate.open()
        for copy in copies { try await copy.value }
        try await look.value
        await tenants.close()
    }
}
