import Glibc

/// File operations of the tests; on databases only while none of them is open in this process.
enum TestFiles {
    static func link(_ target: String, as path: String) { symlink(target, path) }

    static func rename(_ source: String, to target: String) { Glibc.rename(source, target) }

    static func write(_ bytes: [UInt8], to path: String) {
        let descriptor = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0o600)
        _ = Glibc.write(descriptor, bytes, bytes.count)
        close(descriptor)
    }

    /// The size of a file; nil when there is none.
    static func size(_ path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }
}
