import JSON
import Profiles
import SQLite

extension ContentVerification {
    /// Every stored document by itself: readable, valid, named as its row is, without literal credentials.
    func documents() throws -> [HealthCheck] {
        var findings = DocumentFindings()
        try connection.query("SELECT slug, payload_json FROM profile_registries ORDER BY slug") { row in
            let slug = row.text(0)
            findings.look {
                _ = try StoredDocument.registry(row.bytes(1), slug: slug, origin: .ours)
            }
            return true
        }
        try connection.query("SELECT registry_slug, slug, document_json FROM profiles ORDER BY registry_slug, slug") {
            row in
            let (registry, slug) = (row.text(0), row.text(1))
            let stored = row.bytes(2)
            var hasCredential = false
            findings.look {
                let profile = try StoredDocument.profile(stored, registry: registry, slug: slug)
                try profile.validate()
                hasCredential = profile.runtime.maskingLiteralKeys().document() != profile.runtime.document()
            }
            if hasCredential { findings.credentials.append("\(registry)/\(slug)") }
            return true
        }
        return findings.checks
    }

    /// Each registry has a default that exists, and every stack resolves.
    func resolution() throws -> [HealthCheck] {
        let content = try StoredContent(reading: connection, tenant: tenant, cancellation).content
        let serving = ServingChecks(content: content, mounted: mounted)
        let lookup = TenantLookup(content: content, mounted: mounted)
        let resolver = Resolver { _ in "" }
        var broken: [String] = []
        for id in content.stackedProfiles.sorted() {
            try cancellation.check("verifying")
            do throws(ResolutionError) { _ = try resolver.resolve(id, in: lookup) } catch {
                // Variables that a request has to give are no defect.
                guard case .validation(let reason) = error, !reason.field.hasPrefix("registry.profiles[") else {
                    broken.append("\(id): \(error)")
                    continue
                }
            }
        }
        guard let first = broken.first else {
            return [serving.defaults, HealthCheck("stacks", .ok, "\(content.stackedProfiles.count) resolve")]
        }
        return [
            serving.defaults,
            HealthCheck(
                "stacks", .failed, "\(broken.count) do not resolve: \(first)",
                advice: "PATCH the profile's stack, or create again what it names"),
        ]
    }
}

/// What is wrong with documents, sorted by kind.
private struct DocumentFindings {
    var count = 0
    var damaged: [String] = []
    var misnamed: [String] = []
    var credentials: [String] = []

    mutating func look(_ body: () throws -> Void) {
        count += 1
        do {
            try body()
        } catch let RegistryError.damaged(damage) {
            let place = "table \(damage.table), row \(damage.row), column \(damage.column): \(damage.reason)"
            if damage.reason.contains("slug") && damage.reason.contains("mismatch") || damage.column == "slug" {
                misnamed.append(place)
            } else {
                damaged.append(place)
            }
        } catch { damaged.append("\(error)") }
    }

    var checks: [HealthCheck] {
        [
            check("documents", damaged, well: "\(count) documents are valid", .failed) {
                "\($0): correct the row with the sqlite3 shell, or restore a backup"
            },
            check("slugs", misnamed, well: "documents are named as their rows are", .failed) {
                "\($0): rename the row or the document"
            },
            check("credentials", credentials, well: "no document holds a literal key", .warning) {
                "\($0): name a secret of the operator's instead (secret:<name>)"
            },
        ]
    }

    private func check(
        _ id: String, _ found: [String], well: String, _ status: HealthCheck.Status, advice: (String) -> String
    ) -> HealthCheck {
        guard let first = found.first else { return HealthCheck(id, .ok, well) }
        let more = found.count > 1 ? ", and \(found.count - 1) more" : ""
        return HealthCheck(id, status, first + more, advice: advice("affected: \(found.count)"))
    }
}
