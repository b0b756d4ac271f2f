import GatewayTestSupport
import Glibc
import JSON
import Profiles
import SQLite
import Synchronization
import Testing

@testable import Tenants

/// One tenant's work on a disk that fails at some call, and what may be true afterwards.
///
/// For each profile it keeps the display names that the answers so far allow (nil: it does not exist). An acknowledged
/// write leaves one, a refused write leaves them as they were, one of unknown outcome adds its own.
final class FaultRun: Sendable {
    let tenants: TestTenants
    private let allowed = Mutex<[String: Set<String?>]>(["default": [""], "agent": [""]])
    private let complaints = Mutex<[String]>([])
    /// Slugs written in one transaction: all are there, or none.
    private let together = Mutex<[[String]]>([])
    private let backupsMade = Atomic<Int>(0)
    /// The fault is in reading, too.
    let readingFails = Atomic<Bool>(false)

    init(in scratch: ScratchDirectory? = nil) throws {
        tenants = try TestTenants(in: scratch)
    }

    var violations: [String] { complaints.withLock { $0 } }

    func complain(_ text: String) { complaints.withLock { $0.append(text) } }

    /// Says what the file holds, where something else than this run's writes made it so.
    func expect(_ names: [String: String]) {
        allowed.withLock { $0 = names.mapValues { [$0] } }
    }

    func mayAlsoBe(_ slug: String, _ name: String?) {
        allowed.withLock { _ = $0[slug, default: [nil]].insert(name) }
    }

    // Steps: each tries once, as a client would.

    @discardableResult
    func open() async -> Tenant? {
        do {
            return try await tenants.tenant()
        } catch {
            judge(error, "open")
            return nil
        }
    }

    func patch(_ slug: String, _ name: String) async {
        await write(slug, name) { [tenants] tenant in
            try await tenant.patch(slug, #"{"display_name":"\#(name)"}"#, tenants.context)
        }
        judgeMemory("a write of \(slug)")
    }

    func create(_ slug: String, _ name: String) async {
        await write(slug, name) { [tenants] tenant in
            try await tenant.create(#"{"slug":"\#(slug)","display_name":"\#(name)"}"#, tenants.context)
        }
    }

    /// Creates that wait together, and so are committed together. Memory is judged when all are answered: between a
    /// look at it and one at what is allowed another could be acknowledged.
    func createTogether(_ slugs: [String]) async {
        await withTaskGroup(of: Void.self) { group in
            for slug in slugs { group.addTask { await self.create(slug, slug) } }
        }
        judgeMemory("writes of \(slugs.joined(separator: ", "))")
    }

    /// An import of new profiles: one transaction.
    func importTogether(_ slugs: [String]) async {
        guard let tenant = await open() else { return }
        together.withLock { $0.append(slugs) }
        for slug in slugs { mayAlsoBe(slug, slug) }
        do {
            let profiles = slugs.map { #""\#($0)":{"display_name":"\#($0)"}"# }.joined(separator: ",")
            let document = try RegistryDocument(
                document: JSONValue(parsing: #"{"slug":"default","profiles":{\#(profiles)}}"#))
            let request = ImportRequest([document], mode: .merge, rules: ProfileRules(), createsRegistries: false)
            _ = try await tenant.transact(tenants.context) { (transaction) throws(RegistryError) in
                try transaction.importRegistries(request)
            }
            allowed.withLock { allowed in for slug in slugs { allowed[slug] = [slug] } }
        } catch RegistryError.commitOutcomeUnknown {
            // Stays allowed.
        } catch {
            allowed.withLock { allowed in for slug in slugs { allowed[slug] = [nil] } }
            judge(error, "import")
        }
        judgeMemory("an import")
    }

    private func makeService() -> BackupService? {
        do throws(RegistryError) { return try BackupService(tenants.directory) } catch {
            complain("no backups: \(error.message)")
            return nil
        }
    }

    /// A backup that leaves one: whatever fails, there is a good one afterwards.
    func backUp() async {
        guard await open() != nil else { return }
        guard let service = makeService() else { return }
        do throws(RegistryError) {
            _ = try await service.backUp(.default, BackupRequest(retention: BackupRetention(keep: 1)))
            backupsMade.add(1, ordering: .relaxed)
        } catch {
            if case .backupFailed = error {} else { judge(error, "backup") }
        }
        await service.stop()
    }

    func checkpoint() async { await work { $0.wantsCheckpoint = true } }
    func closeFiles() async { await work { $0.wantsFilesClosed = true } }
    func look() async { await work { $0.wantsRefresh = true } }

    private func work(_ ask: (inout TenantWork) -> Void) async {
        guard let tenant = await open() else { return }
        tenant.work.withLock { ask(&$0) }
        tenant.startWorker()
        while tenant.work.withLock({ $0.isWorking || $0.hasWork }) { try? await Task.sleep(for: .milliseconds(1)) }
    }

    private func write(
        _ slug: String, _ name: String, _ body: @Sendable (Tenant) async throws -> ProfileEntry
    ) async {
        guard let tenant = await open() else { return }
        let before = allowed.withLock { $0[slug] }
        mayAlsoBe(slug, name)
        do {
            _ = try await body(tenant)
            allowed.withLock { $0[slug] = [name] }
        } catch RegistryError.commitOutcomeUnknown {
            // Stays allowed.
        } catch {
            allowed.withLock { $0[slug] = before ?? [nil] }
            judge(error, "write of \(slug)")
        }
    }

    /// A tenant that serves shows what the answers so far allow; one that does not is looked at after the fault.
    private func judgeMemory(_ place: String) {
        guard let slug = TenantSlug("default"), let tenant = tenants.directory.resident(slug) else { return }
        if let snapshot = try? tenant.current(), tenant.isLoaded, let problem = disallowed(snapshot) {
            complain("after \(place), in memory: \(problem)")
        }
    }

    /// Errors are those of the storage; only a page that cannot be read looks like damage, to SQLite and so to us.
    private func judge(_ error: any Error, _ place: String) {
        switch error as? RegistryError {
        case .storage, .diskFull, .readOnly, .commitOutcomeUnknown: break
        case .some(let damage) where damage.mayBeTheDisk && readingFails.load(ordering: .relaxed): break
        default: complain("\(place): \(error)")
        }
    }

    // Judging.

    /// What of the content no answer allows; nil when all of it is allowed.
    func disallowed(_ snapshot: Snapshot) -> String? {
        let names = (snapshot.registry(.default)?.entries).map { Array($0) } ?? []
        let found = Dictionary(uniqueKeysWithValues: names.map { ($0.key, (try? $0.profile().displayName) ?? "?") })
        let expected = allowed.withLock { $0 }
        for slug in Set(expected.keys).union(found.keys).sorted() {
            guard let possible = expected[slug] else { return "\(slug) was never written" }
            let name = found[slug]
            if !possible.contains(name) { return "\(slug) is \(name ?? "absent"), allowed are \(possible)" }
        }
        for slugs in together.withLock({ $0 }) {
            let present = slugs.filter { found[$0] != nil }
            if !present.isEmpty && present != slugs { return "of \(slugs) only \(present) are there" }
        }
        return nil
    }

    /// Backups that have a name are what their manifests say and sound, and there is one if any was acknowledged.
    private func judgeBackups() async {
        guard backupsMade.load(ordering: .relaxed) > 0 else { return }
        guard let service = makeService() else { return }
        let files = (try? await service.list(.default)) ?? []
        if files.isEmpty { complain("no backup is left") }
        for file in files {
            let digest = try? FileSystem.digest(of: file.path) { true }
            if digest == nil || digest?.sha256 != file.manifest?.sha256 {
                complain("\(file.fileName) is not what its manifest says")
            }
            let sound = await Shell.run("sqlite3 'file:\(file.path)?immutable=1' 'PRAGMA integrity_check'")
            if sound != "ok" { complain("\(file.fileName): \(sound)") }
        }
        await service.stop()
    }

    /// After the fault: the tenant serves without a restart, memory is what the file says and the answers allow, writes
    /// work, and all of it is there for the next process.
    func recover() async throws {
        let isBack = await eventually {
            guard let tenant = try? await tenants.tenant(), (try? tenant.current()) != nil else { return false }
            return await isSameInFile(tenant)
        }
        guard isBack, let tenant = await open() else {
            return complain("memory and file do not come to agree: \(await difference())")
        }
        if let problem = disallowed(tenant.snapshot) { complain("after the fault: \(problem)") }
        await patch("default", "again")
        if (try? tenant.displayName("default")) != "again" { complain("no write succeeds after the fault") }
        if await !isSameInFile(tenant) { complain("after a last write: \(await difference())") }
        await judgeBackups()
        let sums = await tenants.shell(Self.consistency)
        if sums != "ok\n0\n0\n0" { complain("the file is inconsistent: \(sums)") }
        await tenants.directory.close()
        let next = try TestTenants(in: tenants.scratch)
        let reopened = try await next.tenant()
        if let problem = disallowed(try reopened.current()) { complain("after a restart: \(problem)") }
        await next.directory.close()
    }

    private static let consistency = """
        PRAGMA integrity_check;
        SELECT count(*) FROM profiles p WHERE NOT EXISTS (SELECT 1 FROM profile_history h WHERE h.version = p.version \
        AND h.registry_slug = p.registry_slug AND h.profile_slug = p.slug AND h.document_json = p.document_json);
        SELECT count(*) FROM (SELECT 1 FROM profile_history WHERE profile_slug <> '' GROUP BY registry_slug, profile_slug \
        HAVING count(*) <> max(version) - min(version) + 1);
        SELECT (SELECT count(*) FROM profile_history) - (SELECT count(*) FROM profile_audit);
        """

    private static let rows = """
        SELECT value FROM gateway_meta WHERE key = 'revision';
        SELECT registry_slug, slug, version, revision, document_json FROM profiles ORDER BY 1, 2;
        """

    private func isSameInFile(_ tenant: Tenant) async -> Bool {
        await tenants.shell(Self.rows) == Self.lines(tenant.snapshot)
    }

    private func difference() async -> String {
        let memory = (try? await tenants.tenant()).map { "\($0.state)\n" + Self.lines($0.snapshot) } ?? "not open"
        return "memory:\n\(memory)\nfile:\n\(await tenants.shell(Self.rows))"
    }

    private static func lines(_ snapshot: Snapshot) -> String {
        let rows = snapshot.registries.flatMap(\.entries).map { entry in
            "\(entry.registry)|\(entry.slug)|\(entry.version)|\(entry.revision)|"
                + String(decoding: entry.stored, as: UTF8.self)
        }
        return (["\(snapshot.revision)"] + rows).joined(separator: "\n")
    }
}
