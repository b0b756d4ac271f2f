import Gateway
import Glibc

/// Reading files and pipes whole.
enum Descriptor {
    /// - Throws: `ClientFailure` when it cannot be read or has more than `limit` bytes.
    static func readAll(
        _ descriptor: Int32, named name: String, limit: Int = 64 << 20
    ) throws(ClientFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw ClientFailure(.failed, "\(name) cannot be read: \(String(cString: strerror(errno)))")
            }
            bytes += chunk[..<count]
            guard bytes.count <= limit else {
                throw ClientFailure(.failed, "\(name) is larger than \(limit >> 20) MiB")
            }
        }
    }

    /// A file's content, or that of standard input for `-`.
    static func read(path: String) throws(ClientFailure) -> [UInt8] {
        if path == "-" { return try readAll(STDIN_FILENO, named: "standard input") }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ClientFailure(
                errno == ENOENT ? .notFound : .failed, "cannot read \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        return try readAll(descriptor, named: path)
    }
}
