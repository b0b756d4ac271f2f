import Gateway
import Glibc
import JSON
import Testing

@Suite struct SecretTests {
    @Test func `a command that only looks for the server needs none of its secrets`() throws {
        let yaml = """
            operator_key: env:NOT_SET
            upstreams:
              a: {api: openai, base_url: "http://127.0.0.1:1/v1", api_key: "file:/nowhere"}
            """
        #expect(problems(yaml).count == 2)
        let loader = ConfigurationLoader(environment: [:], files: MemoryFiles(files: ["config/gateway.yaml": yaml]))
        let configuration = try loader.load(readsSecrets: false).configuration
        #expect(configuration.operatorKey?.reference == "env:NOT_SET")
        #expect(throws: ConfigurationErrors.self) {
            let loader = ConfigurationLoader(
                environment: [:], files: MemoryFiles(files: ["config/gateway.yaml": "operator_key: literal"]))
            _ = try loader.load(readsSecrets: false)
        }
    }

    @Test func `a secret shows itself nowhere`() {
        struct Holder {
            let key = Secret("geheim", reference: "env:KEY")
            let maybe: Secret? = Secret("geheim")
        }
        var dumped = ""
        dump(Holder(), to: &dumped)
        dump(Secret("geheim"), to: &dumped)
        let shown = "\(Holder()) \(Secret("geheim")) \(String(reflecting: Secret("geheim"))) \(dumped)"
        #expect(!shown.contains("geheim"))
        #expect(shown.contains("***"))
        #expect(Secret("geheim").reveal() == "geheim")
    }

    @Test func `a secret in a loaded configuration is shown as its reference or masked`() throws {
        let loaded = try load(
            "upstreams: {a: {api: openai, base_url: 'https://x', api_key: env:KEY}, b: {api: openai, base_url: 'https://x', api_key: 'file:k'}}",
            environment: ["KEY": "geheim1", "PROFILE_GATEWAY_OPERATOR_KEY": "geheim2"], files: ["k": "geheim3\n"])
        #expect(loaded.configuration.operatorKey?.reveal() == "geheim2")
        #expect(loaded.configuration.upstream(named: "a")?.apiKey?.reveal() == "geheim1")
        #expect(loaded.configuration.upstream(named: "b")?.apiKey?.reveal() == "geheim3")
        var dumped = ""
        dump(loaded, to: &dumped)
        let shown = loaded.report.table() + loaded.report.json() + loaded.report.yaml() + "\(loaded)" + dumped
        #expect(!shown.contains("geheim"))
        #expect(loaded.report.table().contains("env:KEY"))
        #expect(loaded.report.rows.first { $0.key == "operator_key" }?.value == "***")
    }

    @Test(arguments: [
        ("geheim", true), ("geheix", false), ("xeheim", false), ("gehei", false), ("geheimm", false), ("", false),
        ("geheimgeheim", false),
    ])
    func `only the very same bytes match`(candidate: String, expected: Bool) {
        #expect(Secret("geheim").matches(candidate.utf8) == expected)
    }

    @Test func `an empty secret matches nothing`() {
        #expect(!Secret("").matches("".utf8))
    }

    @Test(arguments: [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o622, false)])
    func `a secret file is its owner's alone`(mode: Int, isAccepted: Bool) throws {
        try withScratchFile("geheim\n", mode: mode_t(mode)) { (path: String) throws in
            if isAccepted {
                #expect(try DiskFiles().secretFile(path) == "geheim\n")
            } else {
                let reason =
                    "secret file \(path) is open to others (mode 0\(String(mode, radix: 8))); run: chmod 0600 \(path)"
                #expect(throws: InvalidSetting(reason)) { try DiskFiles().secretFile(path) }
            }
        }
    }

    @Test func `what is no readable file is refused without waiting for it`() throws {
        let fifo = scratchPath()
        #expect(mkfifo(fifo, 0o600) == 0)
        defer { unlink(fifo) }
        #expect(throws: InvalidSetting("secret file \(fifo) is no regular file")) { try DiskFiles().secretFile(fifo) }
        #expect(throws: InvalidSetting("secret file /tmp is no regular file")) { try DiskFiles().secretFile("/tmp") }
        #expect(throws: InvalidSetting("secret file /nope/x does not exist")) { try DiskFiles().secretFile("/nope/x") }
        #expect(try DiskFiles().configurationFile("/nope/x") == nil)
        try withScratchFile(String(repeating: "x", count: 70_000), mode: 0o600) { (path: String) throws in
            #expect(throws: InvalidSetting("secret file \(path) is larger than 64 KiB")) {
                try DiskFiles().secretFile(path)
            }
        }
    }

    private func scratchPath() -> String {
        "/tmp/profile-gateway-test-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    }

    private func withScratchFile(_ text: String, mode: mode_t, _ body: (String) throws -> Void) throws {
        let path = scratchPath()
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        try #require(descriptor >= 0)
        defer { unlink(path) }
        #expect(write(descriptor, text, text.utf8.count) == text.utf8.count)
        #expect(fchmod(descriptor, mode) == 0)
        close(descriptor)
        try body(path)
    }
}
