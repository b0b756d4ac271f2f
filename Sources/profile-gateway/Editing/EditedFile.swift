import FoundationEssentials
import Gateway
import Glibc

/// The file an editor works on: only its owner may read it, and it stays until what is in it has been written.
struct EditedFile {
    let path: String

    /// Makes an empty file 0600 with a name of its own in `$TMPDIR` or `/tmp`.
    init(for name: String) throws(ClientFailure) {
        let directory = ProcessInfo.processInfo.environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        let suffix = ".yaml"
        var template = Array("\(directory)/profile-gateway-\(name)-XXXXXX\(suffix)".utf8CString)
        let descriptor = mkstemps(&template, Int32(suffix.utf8.count))
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard descriptor >= 0 else { throw Self.failure("make", path) }
        close(descriptor)
    }

    /// Replaces the text. Written in place, because editors may hold the file open.
    func write(_ text: String) throws(ClientFailure) {
        let descriptor = open(path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("write", path) }
        defer { close(descriptor) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw Self.failure("write", path)
            }
            rest = rest.dropFirst(count)
        }
    }

    func read() throws(ClientFailure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("read", path) }
        defer { close(descriptor) }
        return try Descriptor.readAll(descriptor, named: path)
    }

    func remove() { unlink(path) }

    private static func failure(_ action: String, _ path: String) -> ClientFailure {
        ClientFailure(.failed, "cannot \(action) \(path): \(String(cString: strerror(errno)))")
    }
}
