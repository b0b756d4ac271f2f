// The files configuration is read from: the YAML file and secret files. Behind a protocol so that tests need no disk;
// the real one opens without following surprises (no FIFO can hang it, no huge file can fill memory).

internal import Glibc

/// Reading of configuration and secret files.
package protocol ConfigurationFiles: Sendable {
    /// Text of a configuration file; `nil` if there is none.
    func configurationFile(_ path: String) throws(InvalidSetting) -> String?
    /// Text of a secret file, which nobody but its owner may be able to read or write.
    func secretFile(_ path: String) throws(InvalidSetting) -> String
}

/// The file system.
package struct DiskFiles: ConfigurationFiles {
    package init() {}

    package func configurationFile(_ path: String) throws(InvalidSetting) -> String? {
        try Self.read(path, what: "configuration file", limit: 1 << 20, onlyOwner: false)
    }

    package func secretFile(_ path: String) throws(InvalidSetting) -> String {
        guard let text = try Self.read(path, what: "secret file", limit: 64 << 10, onlyOwner: true) else {
            throw InvalidSetting("secret file \(path) does not exist")
        }
        return text
    }

    private static func read(
        _ path: String, what: String, limit: Int, onlyOwner: Bool
    ) throws(InvalidSetting) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        if descriptor < 0 {
            let code = errno
            if code == ENOENT || code == ENOTDIR { return nil }
            throw InvalidSetting("\(what) \(path) cannot be opened: \(text(of: code))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw InvalidSetting("\(what) \(path) cannot be examined: \(text(of: errno))")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw InvalidSetting("\(what) \(path) is no regular file")
        }
        if onlyOwner, status.st_mode & 0o077 != 0 {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw InvalidSetting("\(what) \(path) is open to others (mode 0\(mode)); run: chmod 0600 \(path)")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw InvalidSetting("\(what) \(path) cannot be read: \(text(of: errno))")
            }
            bytes += chunk[..<count]
            if bytes.count > limit { throw InvalidSetting("\(what) \(path) is larger than \(limit >> 10) KiB") }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw InvalidSetting("\(what) \(path) is no UTF-8 text")
        }
        return text
    }

    private static func text(of code: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        // The GNU variant may return a static string instead of filling the buffer; the XSI one is what Swift sees.
        guard strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
