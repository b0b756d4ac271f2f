import Glibc

/// Which file a path names, and which state of it, as far as `stat` tells.
struct FileIdentity: Equatable, Sendable {
    var device: UInt64
    var inode: UInt64
    var size: Int64
    var modifiedNs: Int64
    var changedNs: Int64

    /// The identity of the file at a path; nil when there is none. Follows no link: a link's own identity is given.
    ///
    /// Never opens the file: closing a descriptor of a database would drop SQLite's locks on it.
    static func of(_ path: String) -> FileIdentity? {
        FileStatus(path)?.identity
    }

    /// The same file with the same content as far as times can tell; a changed mode or link count does not matter.
    func hasSameContent(as other: FileIdentity) -> Bool {
        isSameFile(as: other) && size == other.size && modifiedNs == other.modifiedNs
    }

    func isSameFile(as other: FileIdentity) -> Bool {
        device == other.device && inode == other.inode
    }

    /// The same identity under another device number, to compare what was written down with what is there.
    ///
    /// The number belongs to a mount and not to the file: LVM, btrfs, NFS and loop devices get another at a reboot.
    func on(device: UInt64) -> FileIdentity {
        var identity = self
        identity.device = device
        return identity
    }
}

/// What `lstat` says about a path.
struct FileStatus {
    enum Kind {
        case file, directory, symbolicLink, other
    }

    let identity: FileIdentity
    let kind: Kind
    let permissions: UInt32
    let owner: UInt32
    /// How many names the file has.
    let links: UInt64

    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        identity = FileIdentity(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            modifiedNs: Self.nanoseconds(status.st_mtim), changedNs: Self.nanoseconds(status.st_ctim))
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .symbolicLink
        default: kind = .other
        }
        permissions = status.st_mode & 0o7777
        owner = status.st_uid
        links = UInt64(status.st_nlink)
    }

    /// Anybody who may write a file may date it later than nanoseconds in 64 bits reach.
    private static func nanoseconds(_ time: timespec) -> Int64 {
        let (seconds, overflows) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, exceeds) = seconds.addingReportingOverflow(Int64(time.tv_nsec))
        return overflows || exceeds ? (time.tv_sec < 0 ? .min : .max) : sum
    }

    /// Whether group or others may write, which lets them replace what the product trusts.
    var isWritableByOthers: Bool { permissions & 0o022 != 0 }
}
