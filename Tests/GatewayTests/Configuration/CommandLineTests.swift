import Foundation
import Gateway
import Testing

@Suite struct CommandLineTests {
    @Test(arguments: [
        ["nonsense"], ["serve", "--nonsense"], ["config", "show", "--format", "xml"], ["serve", "--config"],
    ])
    func `a wrong command line is a usage error`(arguments: [String]) throws {
        let program = try Program.run(arguments)
        #expect(program.status == 2)
        #expect(program.output.contains("Usage: profile-gateway"))
    }

    @Test func `flags that cannot be obeyed are a usage error, a file with mistakes is a failure`() throws {
        let both = try Program.run(["web-chat", "--profile-registry-db", "a.db", "--profile-registry-dsn", "file:b.db"])
        #expect(both.status == 2)
        #expect(both.output.contains("--profile-registry-db"))
        let broken = try Program.run(["config", "check"], environment: ["PROFILE_GATEWAY_THREADS": "none"])
        #expect(broken.status == 1)
        #expect(broken.output == "PROFILE_GATEWAY_THREADS: threads: must be a whole number, not text\n")
    }

    @Test func `what is asked for is printed and ends well`() throws {
        let lines = try Program.run(["version"]).output.split(separator: "\n")
        #expect(lines.first == "profile-gateway \(GatewayVersion.text)")
        #expect(lines.dropFirst().map { $0.prefix { $0 != " " } } == ["sqlite", "libmicrohttpd", "libcurl"])
        #expect(try Program.run(["config", "check"]).output == "configuration ok (no file)\n")
        for arguments in [["--help"], ["serve", "--help"], ["config", "show", "--help"], ["web-chat", "--help"]] {
            let help = try Program.run(arguments)
            #expect(help.status == 0)
            #expect(help.output.contains("EXAMPLES:"))
        }
        let shown = try Program.run(
            ["config", "show", "--addr", "127.0.0.1:1"], environment: ["PROFILE_GATEWAY_OPERATOR_KEY": "geheim"])
        #expect(shown.status == 0)
        #expect(shown.output.contains("--listen") && shown.output.contains("PROFILE_GATEWAY_OPERATOR_KEY"))
        #expect(!shown.output.contains("geheim"))
    }

    @Test func `called through a link named pinocchio it is pinocchio`() throws {
        try inScratchDirectory { directory in
            let link = directory + "/pinocchio"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: Program.path)
            let help = try Program.run(["web-chat", "--help"], executable: link)
            #expect(help.output.contains("USAGE: pinocchio web-chat"))
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [SIGTERM, SIGINT])
    func `a signal ends a running server in good order, after a hang-up did not`(signal: Int32) throws {
        try inScratchDirectory { directory in
            let program = try Program.run(
                ["serve", "--listen", "127.0.0.1:0", "--data-dir", directory + "/data", "--log-format", "json"]
            ) { process in
                kill(process, SIGHUP)
                usleep(300_000)
                #expect(kill(process, 0) == 0)
                kill(process, signal)
            }
            #expect(program.status == 0, "\(program.output)")
        }
    }

    private func inScratchDirectory(_ body: (String) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try body(directory.path)
    }
}
