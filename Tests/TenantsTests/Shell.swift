import GatewayTestSupport
import Glibc

@testable import Tenants

/// The `sqlite3` shell and other commands: the other processes of the tests.
enum Shell {
    /// Runs `/bin/sh -c` and returns what it printed, without the last newline.
    ///
    /// On a thread of its own: the cooperative ones, two on a small machine, belong to all tests.
    @discardableResult
    static func run(_ command: String) async -> String {
        await withCheckedContinuation { continuation in
            TestThread.start { continuation.resume(returning: blocking(command)) }
        }
    }

    private static func blocking(_ command: String) -> String {
        guard let stream = popen(command + " 2>&1", "r") else { return "popen failed" }
        defer { pclose(stream) }
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&buffer, 1, buffer.count, stream)
            guard count > 0 else { break }
            output += buffer.prefix(count)
        }
        if output.last == UInt8(ascii: "\n") { output.removeLast() }
        return String(decoding: output, as: UTF8.self)
    }
}

extension TestTenants {
    /// Runs SQL in the `sqlite3` shell on a tenant's file.
    @discardableResult
    func shell(_ sql: String, _ tenant: String = "default") async -> String {
        await Shell.run("sqlite3 -cmd '.timeout 3000' '\(path(tenant))' \"\(sql)\"")
    }
}
