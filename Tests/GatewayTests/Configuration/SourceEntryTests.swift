import Tenants
import Testing

@testable import Gateway

@Suite struct SourceEntryTests {
    @Test func `SC-1 each entry is trimmed, and none is split`() throws {
        let entries = [" a.yaml", " b.db ", "sqlite-dsn:file:test.db ", "with,comma.yaml"]
        let sources = try entries.map { try SourceEntry.parse($0) }
        #expect(sources.map(\.path) == ["a.yaml", "b.db", "test.db", "with,comma.yaml"])
    }

    @Test(
        arguments: [
            ("yaml:x", RegistrySource.Kind.yaml, "x"), ("yaml://x", .yaml, "x"), ("yaml:///etc/x", .yaml, "/etc/x"),
            ("sqlite:x.yaml", .sqlite, "x.yaml"), ("sqlite-dsn:file:./x.db?_busy_timeout=5", .sqlite, "./x.db"),
            ("./some.db", nil, "./some.db"), ("x", nil, "x"),
        ] as [(String, RegistrySource.Kind?, String)])
    func `SC-2 prefixes name the kind`(_ text: String, _ kind: RegistrySource.Kind?, _ path: String) throws {
        #expect(try SourceEntry.parse(text) == RegistrySource(kind: kind, path: path))
    }

    @Test(arguments: ["", " ", "yaml:", "sqlite:", "sqlite-dsn:", "yaml:///", "sqlite-dsn:file::memory:"])
    func `an entry without a file is refused`(_ text: String) {
        #expect(throws: InvalidSetting.self) { try SourceEntry.parse(text) }
    }

    @Test func `D40 a DSN that is wrong is not repeated`() {
        let error = #expect(throws: InvalidSetting.self) {
            try SourceEntry.parse("sqlite-dsn:file:/hidden/x.db?_key=hunter2&_bad=1")
        }
        #expect(error?.reason.contains("hunter2") == false)
    }
}
