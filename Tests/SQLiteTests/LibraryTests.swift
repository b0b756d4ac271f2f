import GatewayTestSupport
import Synchronization
import Testing

@testable import SQLite

struct LibraryTests {
    @Test func `SQLite's own log reaches the handler`() async {
        // In a process of its own: the log can only be installed before the first connection.
        await #expect(processExitsWith: .success) {
            let messages = Mutex<[String]>([])
            try SQLiteLibrary.installLog { code, message in
                messages.withLock { $0.append("\(code.rawValue) \(message)") }
            }
            let scratch = try ScratchDirectory()
            let connection = try Connection(path: scratch.file("a.db"), options: ConnectionOptions())
            #expect(throws: SQLiteError.self) { try connection.execute("SELECT * FROM missing") }
            #expect(messages.withLock { $0 }.contains { $0.hasPrefix("1 no such table: missing") })
            #expect(throws: SQLiteError.self) { try SQLiteLibrary.installLog { _, _ in } }
        }
    }

    @Test func `the version is told, and whether it has the known bug`() {
        #expect(SQLiteLibrary.version.hasPrefix("3."))
        if SQLiteLibrary.version == "3.40.1" { #expect(SQLiteLibrary.hasWALResetBug) }
    }
}
