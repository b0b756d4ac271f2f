import Gateway
import Glibc

/// What is piped into a command.
enum StandardInput {
    /// All of it, as text.
    ///
    /// - Throws: `ClientFailure` when it cannot be read, is no UTF-8, or is larger than a chat's body may be.
    static func text() throws(ClientFailure) -> String {
        guard let text = String(validating: try bytes(), as: UTF8.self) else {
            throw ClientFailure(.failed, "standard input is no UTF-8 text")
        }
        return text
    }

    static func bytes(limit: Int = 64 << 20) throws(ClientFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(STDIN_FILENO, &chunk, chunk.count)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw ClientFailure(.failed, "standard input cannot be read: \(String(cString: strerror(errno)))")
            }
            bytes += chunk[..<count]
            guard bytes.count <= limit else { throw ClientFailure(.failed, "standard input is larger than 64 MiB") }
        }
    }
}
