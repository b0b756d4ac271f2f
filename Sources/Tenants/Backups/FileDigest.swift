import CCrypto
import Glibc

/// SHA-256 of what passes by, piece by piece.
struct FileDigest: ~Copyable {
    private let context: OpaquePointer?

    init() {
        context = EVP_MD_CTX_new()
        EVP_DigestInit_ex(context, EVP_sha256(), nil)
    }

    deinit {
        EVP_MD_CTX_free(context)
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// The digest in lower-case hexadecimal; nothing can be added afterwards.
    consuming func finish() -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        EVP_DigestFinal_ex(context, &digest, nil)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension FileSystem {
    /// The digest and size of a file that no connection of this process has open. Blocks.
    ///
    /// - Parameter goesOn: asked between pieces; false gives up with `cancelled`.
    static func digest(
        of path: String, whileTrue goesOn: () -> Bool = { true }
    ) throws(RegistryError) -> (sha256: String, bytes: Int64) {
        try readThrough(path, whileTrue: goesOn) { (_) throws(RegistryError) in }
    }

    /// Copies a file that is not open in this process to a new one of mode 0600, durably; returns digest and size of
    /// what was read.
    static func copyDigesting(
        _ source: String, to target: String, whileTrue goesOn: () -> Bool = { true }
    ) throws(RegistryError) -> (sha256: String, bytes: Int64) {
        let output = open(target, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0o600)
        guard output >= 0 else { throw failure(errno, "create", target) }
        defer { close(output) }
        let result = try readThrough(source, whileTrue: goesOn) { (bytes) throws(RegistryError) in
            var rest = bytes
            while let start = rest.baseAddress, rest.count > 0 {
                let count = write(output, start, rest.count)
                guard count > 0 else { throw failure(count == 0 ? ENOSPC : errno, "write", target) }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
        }
        guard fsync(output) == 0 else { throw failure(errno, "write", target) }
        return result
    }

    private static func readThrough(
        _ path: String, whileTrue goesOn: () -> Bool, _ body: (UnsafeRawBufferPointer) throws(RegistryError) -> Void
    ) throws(RegistryError) -> (sha256: String, bytes: Int64) {
        let input = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard input >= 0 else { throw failure(errno, "read", path) }
        defer { close(input) }
        var digest = FileDigest()
        var total: Int64 = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            guard goesOn() else { throw .cancelled("reading \(path)") }
            let count = Glibc.read(input, buffer.baseAddress, buffer.count)
            guard count >= 0 else { throw failure(errno, "read", path) }
            guard count > 0 else { return (digest.finish(), total) }
            let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            digest.add(piece)
            try body(piece)
            total += Int64(count)
        }
    }
}
