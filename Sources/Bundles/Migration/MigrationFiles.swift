import Glibc

/// The files of a migration: read whole, written beside and renamed, durable before anything counts as done.
enum MigrationFiles {
    private typealias Failure = LegacyMigration.Failure

    private static let maximumBytes = 64 << 20

    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Whether both name the same file.
    static func areSame(_ one: String, _ other: String) -> Bool {
        exists(one) && exists(other) && resolved(one) == resolved(other)
    }

    /// 0644 as the origin writes, but nobody may read what they could not read before.
    static func mode(like path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o644 : 0o600
    }

    static func read(_ path: String) throws(LegacyMigration.Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("read", path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw failure("read", path) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= maximumBytes else { throw Failure("\(path) is larger than \(maximumBytes) bytes") }
        }
    }

    /// Puts the bytes in the file's place, all or nothing: a temporary file of its own name, synchronised and renamed
    /// (origin D68). A link is followed, so that what it points to is what changes.
    static func replace(_ path: String, with bytes: [UInt8], mode: mode_t) throws(LegacyMigration.Failure) {
        let target = exists(path) ? resolved(path) : path
        let directory = parent(of: target)
        try makeDirectories(directory)
        let temporary = try writeBeside(target, bytes, mode: mode)
        guard rename(temporary, target) == 0 else {
            let error = failure("replace", target)
            unlink(temporary)
            throw error
        }
        try synchronise(directory: directory)
    }

    /// Writes a temporary file of a name of its own in the target's directory, durably; returns its path.
    private static func writeBeside(
        _ target: String, _ bytes: [UInt8], mode: mode_t
    ) throws(LegacyMigration.Failure) -> String {
        var name = Array((target + ".tmp.XXXXXX").utf8CString)
        let descriptor = mkstemp(&name)
        let temporary = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard descriptor >= 0 else { throw failure("create", temporary) }
        do throws(LegacyMigration.Failure) {
            try write(bytes, to: descriptor, temporary, mode: mode)
        } catch {
            unlink(temporary)
            throw error
        }
        return temporary
    }

    /// Keeps the bytes in `<path>.bak.<timestamp>`, numbered where that is taken, 0600; returns the name. Killed at any
    /// moment, there is no half backup of that name.
    static func backUp(
        _ path: String, _ bytes: [UInt8], _ timestamp: String
    ) throws(LegacyMigration.Failure) -> String {
        let temporary = try writeBeside(path, bytes, mode: 0o600)
        defer { unlink(temporary) }
        for number in 0..<1000 {
            let name = "\(path).bak.\(timestamp)" + (number == 0 ? "" : "-\(number)")
            guard try give(temporary, the: name) else { continue }
            try synchronise(directory: parent(of: name))
            return name
        }
        throw Failure("no free name for a backup like \(path).bak.\(timestamp)")
    }

    /// Gives a file a name unless that is taken; returns whether it did.
    private static func give(_ temporary: String, the name: String) throws(LegacyMigration.Failure) -> Bool {
        if link(temporary, name) == 0 { return true }
        let code = errno
        guard code != EEXIST else { return false }
        // A file system without hard links: looked at first, then renamed.
        guard [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(code) else { throw failure("create", name, code) }
        guard !exists(name) else { return false }
        guard rename(temporary, name) == 0 else { throw failure("create", name) }
        return true
    }

    /// Writes everything, makes it durable and closes the descriptor, also when it fails.
    private static func write(
        _ bytes: [UInt8], to descriptor: Int32, _ path: String, mode: mode_t
    ) throws(LegacyMigration.Failure) {
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure("write", path) }
            rest = rest.dropFirst(count)
        }
        guard fchmod(descriptor, mode) == 0, fsync(descriptor) == 0 else { throw failure("write", path) }
    }

    private static func makeDirectories(_ path: String) throws(LegacyMigration.Failure) {
        guard !exists(path) else { return }
        try makeDirectories(parent(of: path))
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw failure("create the directory", path) }
    }

    private static func synchronise(directory: String) throws(LegacyMigration.Failure) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open the directory", directory) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("synchronise the directory", directory) }
    }

    private static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func failure(
        _ action: String, _ path: String, _ code: Int32 = errno
    ) -> LegacyMigration.Failure {
        Failure("cannot \(action) \(path): \(String(cString: strerror(code)))")
    }
}
