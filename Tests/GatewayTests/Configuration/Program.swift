import Foundation
import Testing

/// The built executable, run as a child process.
struct Program {
    let status: Int32
    let output: String

    /// Runs it to its end and returns its exit status (128 + n for signal n) and everything it printed.
    ///
    /// `whileRunning` is called with the process id once the program runs more than one thread.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], executable: String? = nil,
        whileRunning: ((pid_t) -> Void)? = nil
    ) throws -> Program {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: executable ?? path)
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = URL(fileURLWithPath: "/tmp")
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        if let whileRunning {
            let threads = "/proc/\(process.processIdentifier)/task"
            while process.isRunning, try FileManager.default.contentsOfDirectory(atPath: threads).count < 2 {
                usleep(10_000)
            }
            whileRunning(process.processIdentifier)
        }
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let code = process.terminationStatus
        return Program(
            status: process.terminationReason == .uncaughtSignal ? 128 + code : code,
            output: String(decoding: output, as: UTF8.self))
    }

    /// Beside the test binary.
    static let path: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("profile-gateway").path
    }()
}
