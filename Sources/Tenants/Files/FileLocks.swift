import Glibc

/// Which processes have a database open, as far as their locks tell.
enum FileLocks {
    /// SQLite's lock bytes (sqlite.org/fileformat2.html): everyone who has a WAL database open holds a shared lock there.
    private static let firstByte: Int64 = 0x4000_0000
    private static let lastByte = firstByte + 511

    /// Whether another process holds one of SQLite's locks on a file.
    ///
    /// Asked of the kernel's table and not of a descriptor: closing one would drop this process's own locks on the
    /// file. Processes outside our pid namespace do not show there.
    static func areHeldElsewhere(on file: FileIdentity) throws(RegistryError) -> Bool {
        let table = try FileSystem.read("/proc/locks", limit: 1 << 20) ?? []
        let own = getpid()
        return String(decoding: table, as: UTF8.self).split(separator: "\n").contains { line in
            guard let lock = Lock(line) else { return false }
            return lock.inode == file.inode && lock.pid != own && lock.first <= lastByte && lock.last >= firstByte
        }
    }

    /// A line such as `2: POSIX  ADVISORY  READ 22924 fe:00:16228590 1073741826 1073742335`.
    ///
    /// The device is not compared: on some file systems it is another than `stat` gives. A stranger's lock on the same
    /// bytes of another device's file with the same inode makes us careful, no more.
    private struct Lock {
        let pid: Int32
        let inode: UInt64
        let first: Int64
        let last: Int64

        init?(_ line: Substring) {
            let fields = line.split(separator: " ")
            guard fields.count >= 8, fields[1] == "POSIX" || fields[1] == "OFDLCK",
                let pid = Int32(fields[4]), let inode = fields[5].split(separator: ":").last.flatMap({ UInt64($0) }),
                let first = Int64(fields[6])
            else { return nil }
            self.pid = pid
            self.inode = inode
            self.first = first
            last = fields[7] == "EOF" ? .max : Int64(fields[7]) ?? .max
        }
    }
}
