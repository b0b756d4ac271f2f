import Gateway
import Glibc

/// A file a command writes for its user: whole or not at all, readable by its owner alone.
enum OutputFile {
    /// - Parameter replaces: whether a file that is there already may go.
    /// - Throws: `ClientFailure`; `conflict` when there is one that may not.
    static func write(_ bytes: [UInt8], to path: String, replaces: Bool) throws(ClientFailure) {
        var name = Array((path + ".part.XXXXXX").utf8CString)
        let descriptor = mkstemp(&name)
        let temporary = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard descriptor >= 0 else { throw failure("create", temporary) }
        defer { unlink(temporary) }
        do {
            defer { close(descriptor) }
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw failure("write", path) }
                rest = rest.dropFirst(count)
            }
            guard fsync(descriptor) == 0 else { throw failure("write", path) }
        }
        // A link is made only where nothing is; a rename takes the place of whatever is there.
        if replaces {
            guard rename(temporary, path) == 0 else { throw failure("replace", path) }
        } else if link(temporary, path) != 0 {
            guard errno == EEXIST else { throw failure("write", path) }
            throw ClientFailure(.conflict, "\(path) exists already; add --force to replace it")
        }
    }

    private static func failure(_ action: String, _ path: String) -> ClientFailure {
        ClientFailure(.failed, "cannot \(action) \(path): \(String(cString: strerror(errno)))")
    }
}
