import JSON
import Profiles
import Testing

@testable import Gateway
@testable import Tenants

/// What the API shows of a mounted registry.
struct MountedRegistryDocumentTests {
    private func mounted(_ failure: SourceFailure) -> RegistrySnapshot {
        let problem = SourceProblem(
            label: "yaml:a.yaml", path: "/etc/sources/a.yaml", reason: failure.reason,
            shownReason: failure.shownReason, line: failure.line)
        let document = RegistryDocument(registry: Registry(slug: RegistrySlug(normalised: "a")), profiles: [])
        return .mounted(document, RegistryMount(label: "yaml:a.yaml", problem: problem))
    }

    @Test func `what is wrong with a source is shown only where it is asked for`() {
        let registry = mounted(SourceFailure("is not right", line: 3))
        #expect(registry.document(showsProblem: true)["source_error"] == "yaml:a.yaml, line 3: is not right")
        let withoutProblem = registry.document(showsProblem: false)
        #expect(withoutProblem["source_error"] == nil)
        #expect(withoutProblem["source"] == "yaml:a.yaml" && withoutProblem["read_only"] == true)
    }

    @Test func `a reason that names the file's path shows its name alone`() {
        let failure = SourceFailure("/data/my files/a.yaml is not a file", at: "/data/my files/a.yaml")
        #expect(failure.reason == "/data/my files/a.yaml is not a file")
        #expect(mounted(failure).document(showsProblem: true)["source_error"] == "yaml:a.yaml: a.yaml is not a file")
    }
}
