import Glibc

/// The few file operations of the data directory, each safe against links and half-written results.
///
/// All block; they run on threads that may.
package enum FileSystem {
    /// Makes a directory 0700, with its missing parents, and refuses an existing one that others may write.
    static func makeDirectory(_ path: String, allowsSticky: Bool = false) throws(RegistryError) {
        if FileStatus(path) == nil {
            let parent = parentDirectory(path)
            if parent != path && FileStatus(parent) == nil { try makeDirectory(parent) }
            if mkdir(path, 0o700) != 0 && errno != EEXIST { throw failure(errno, "create the directory", path) }
        }
        try checkDirectory(path, allowsSticky: allowsSticky)
    }

    /// Refuses what is no directory, a link to one, or one that group or others may write.
    ///
    /// A sticky one (`/tmp`) may be allowed: others can add names there, but not replace ours.
    static func checkDirectory(_ path: String, allowsSticky: Bool = false) throws(RegistryError) {
        guard let status = FileStatus(path) else { throw failure(errno, "open the directory", path) }
        switch status.kind {
        case .directory: break
        case .symbolicLink: throw .unsafePath(path, "is a symbolic link; use the directory it points to")
        case .file, .other: throw .unsafePath(path, "is not a directory")
        }
        if status.isWritableByOthers && !(allowsSticky && status.permissions & 0o1000 != 0) {
            throw .unsafePath(path, "can be written by group or others; run: chmod go-w '\(path)'")
        }
    }

    /// Refuses a link, anything but a plain file, and a file that group or others may write; nil when there is none.
    static func checkFile(_ path: String) throws(RegistryError) -> FileStatus? {
        guard let status = FileStatus(path) else {
            if errno == ENOENT { return nil }
            throw failure(errno, "look at", path)
        }
        switch status.kind {
        case .file: break
        case .symbolicLink: throw .unsafePath(path, "is a symbolic link; use the file it points to")
        case .directory, .other: throw .unsafePath(path, "is not a file")
        }
        if status.isWritableByOthers {
            throw .unsafePath(path, "can be written by group or others; run: chmod go-w '\(path)'")
        }
        return status
    }

    /// Creates an empty file 0600 that did not exist, durably; SQLite's side files inherit the mode.
    static func createEmptyFile(_ path: String) throws(RegistryError) {
        let descriptor = open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0o600)
        guard descriptor >= 0 else { throw failure(errno, "create", path) }
        close(descriptor)
        try synchroniseDirectory(parentDirectory(path))
    }

    /// The absolute path without links and dots.
    static func realPath(_ path: String) throws(RegistryError) -> String {
        guard let resolved = realpath(path, nil) else { throw failure(errno, "find", path) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// The real path that an absolute path has, or would have if what is missing of it were made.
    ///
    /// Nil where something else than that is in the way, and where a directory that is not there is left again by `..`:
    /// such a path leads elsewhere once it is made. Blocks as files do.
    package static func plannedPath(_ path: String) -> String? {
        if let resolved = realpath(path, nil) {
            defer { free(resolved) }
            return String(cString: resolved)
        }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/") else { return nil }
        let name = path[slash...]
        guard name != "/..", name != "/." else { return nil }
        guard slash != path.startIndex else { return path }
        return plannedPath(String(path[..<slash])).map { ($0 == "/" ? "" : $0) + name }
    }

    static func rename(_ source: String, to target: String) throws(RegistryError) {
        guard Glibc.rename(source, target) == 0 else { throw failure(errno, "rename", source) }
        try synchroniseDirectory(parentDirectory(target))
    }

    /// Makes names created or renamed in a directory survive a crash.
    static func synchroniseDirectory(_ path: String) throws(RegistryError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(errno, "open the directory", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(errno, "synchronise the directory", path) }
    }

    /// Replaces the content of a small file that is never a database, durably, in place: one sector, one fsync.
    static func overwrite(_ path: String, with bytes: [UInt8]) throws(RegistryError) {
        let descriptor = open(path, O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0o600)
        guard descriptor >= 0 else { throw failure(errno, "write", path) }
        defer { close(descriptor) }
        let written = pwrite(descriptor, bytes, bytes.count, 0)
        guard written == bytes.count, ftruncate(descriptor, off_t(bytes.count)) == 0, fdatasync(descriptor) == 0 else {
            // A write cut short sets no errno; what cuts one short is a full disk.
            throw failure(0 <= written && written < bytes.count ? ENOSPC : errno, "write", path)
        }
    }

    /// The content of a small file that is never a database; nil when there is none.
    static func read(_ path: String, limit: Int = 65_536) throws(RegistryError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw failure(errno, "read", path)
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: min(limit, 65_536))
        while bytes.count < limit {
            let count = Glibc.read(descriptor, &piece, min(piece.count, limit - bytes.count))
            guard count >= 0 else { throw failure(errno, "read", path) }
            if count == 0 { break }
            bytes += piece.prefix(count)
        }
        return bytes
    }

    /// Copies a file that is not open in this process, durably, to a new one of mode 0600.
    static func copy(_ source: String, to target: String) throws(RegistryError) {
        let input = open(source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard input >= 0 else { throw failure(errno, "read", source) }
        defer { close(input) }
        let output = open(target, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0o600)
        guard output >= 0 else { throw failure(errno, "create", target) }
        defer { close(output) }
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = Glibc.read(input, &buffer, buffer.count)
            guard count >= 0 else { throw failure(errno, "read", source) }
            if count == 0 { break }
            let written = write(output, buffer, count)
            guard written == count else { throw failure(written >= 0 ? ENOSPC : errno, "write", target) }
        }
        guard fsync(output) == 0 else { throw failure(errno, "write", target) }
    }

    /// The names in a directory, without `.` and `..`.
    static func names(in directory: String) throws(RegistryError) -> [String] {
        guard let stream = opendir(directory) else { throw failure(errno, "list the directory", directory) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    static func parentDirectory(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The error of a failed system call, by what the operator can do about it.
    static func failure(_ code: Int32, _ action: String, _ path: String) -> RegistryError {
        let reason = String(cString: strerror(code))
        switch code {
        case ENOSPC, EDQUOT: return .diskFull(path)
        case EROFS, EACCES, EPERM: return .readOnly(path, "cannot \(action): \(reason)")
        case ELOOP: return .unsafePath(path, "is a symbolic link")
        default: return .storage("cannot \(action) \(path): \(reason)")
        }
    }
}

extension FileSystem {
    /// Removes a file this process made for itself; nothing happens when it is gone.
    static func removeOwn(_ path: String) throws(RegistryError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure(errno, "remove", path) }
    }
}

extension FileSystem {
    /// Makes the content of a file that is not open as a database survive a crash.
    static func synchronise(_ path: String) throws(RegistryError) {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(errno, "open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(errno, "write", path) }
    }
}

extension FileSystem {
    /// Gives a small file that is never a database new content, durably and whole: readers see the old or the new.
    static func replace(_ path: String, with bytes: [UInt8]) throws(RegistryError) {
        let temporary = path + ".part"
        try removeOwn(temporary)
        try overwrite(temporary, with: bytes)
        try rename(temporary, to: path)
    }

    /// Renames unless there is a file of the new name already; returns whether it did. Durable.
    static func moveWithoutReplacing(_ source: String, to target: String) throws(RegistryError) -> Bool {
        if link(source, target) == 0 {
            try removeOwn(source)
        } else {
            let code = errno
            guard code != EEXIST else { return false }
            // A file system without hard links: looked at first, then renamed.
            guard [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(code) else { throw failure(code, "rename", source) }
            guard FileStatus(target) == nil else { return false }
            guard Glibc.rename(source, target) == 0 else { throw failure(errno, "rename", source) }
        }
        try synchroniseDirectory(parentDirectory(target))
        return true
    }
}
