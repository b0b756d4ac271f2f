import Glibc

/// What a rollback journal says of the database it was written for (sqlite.org/fileformat2.html, "The Rollback Journal").
///
/// SQLite plays any journal of the right name back into the file beside it. A journal's pages are those of one state of
/// one file: that state's header tells whether this is the file.
struct RollbackJournal {
    /// What lies at a journal's path.
    enum Leftover {
        /// Nothing that would be played back: no file, an empty one, or one whose header was zeroed by its commit.
        case nothing
        /// Something that is not, or not yet, a journal; SQLite would remove it.
        case unreadable
        case journal(RollbackJournal)
    }

    /// The database's pages when the transaction began; 0 for a database that was being created.
    let initialPages: UInt32
    let pageSize: Int
    /// The header of the database when the transaction began; nil when the journal had not got to the first page.
    private(set) var header: DatabaseHeader?

    private static let magic: [UInt8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]

    /// Reads the journal at a path. Blocks as files do.
    static func read(_ path: String) throws(RegistryError) -> Leftover {
        guard let reader = try PieceReader(path), let first = try reader.bytes(28, at: 0), first[0] != 0 else {
            guard let size = FileIdentity.of(path)?.size, size > 0 else { return .nothing }
            return size < 28 ? .unreadable : .nothing
        }
        let page = Int(first.number(at: 24))
        let sector = Int(first.number(at: 20))
        guard first.starts(with: magic), (512...65_536).contains(page), page & (page - 1) == 0,
            (32...65_536).contains(sector), sector & (sector - 1) == 0
        else { return .unreadable }
        var journal = RollbackJournal(initialPages: first.number(at: 16), pageSize: page)
        journal.header = try journal.firstPage(reader, sectorSize: sector)
        return .journal(journal)
    }

    /// Whether a file with that header can be the one the journal was written for: as the transaction found it, or as it
    /// was leaving it.
    ///
    /// Of the state before only the header is compared: a page that was written when the power failed may be half old and
    /// half new, a sector is not. The first page is the first to be written and counts the change.
    func canBelong(to main: DatabaseHeader) -> Bool {
        if initialPages == 0 { return main.changes <= 1 }
        guard main.pageSize == pageSize else { return false }
        guard let header else { return main.pages == initialPages }
        return main == header || main.changes == header.changes &+ 1
    }

    /// The first page's header among the records of all parts of the journal.
    private func firstPage(_ reader: borrowing PieceReader, sectorSize: Int) throws(RegistryError) -> DatabaseHeader? {
        let recordSize = pageSize + 8
        var offset = 0
        while let part = try reader.bytes(28, at: offset), part.starts(with: Self.magic) {
            let start = offset + sectorSize
            let fitting = max(0, reader.size - start) / recordSize
            let told = part.number(at: 8)
            let count = told == .max ? fitting : min(Int(told), fitting)
            for record in 0..<count {
                let place = start + record * recordSize
                guard try reader.bytes(4, at: place)?.number(at: 0) == 1 else { continue }
                return try reader.bytes(DatabaseHeader.size, at: place + 4).flatMap(DatabaseHeader.init)
            }
            // Each part begins on a sector of its own.
            offset = (start + count * recordSize + sectorSize - 1) / sectorSize * sectorSize
        }
        return nil
    }
}

/// The first 100 bytes of a database file (sqlite.org/fileformat2.html, "The Database Header").
struct DatabaseHeader: Equatable {
    static let size = 100
    private static let magic = Array("SQLite format 3\0".utf8)

    private let bytes: [UInt8]

    /// Nil for bytes that begin no database.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size, bytes.starts(with: Self.magic) else { return nil }
        self.bytes = bytes
    }

    /// The header of a database file that this process does not have open; nil when it is none.
    static func read(_ path: String) throws(RegistryError) -> DatabaseHeader? {
        try PieceReader(path)?.bytes(size, at: 0).flatMap(DatabaseHeader.init)
    }

    /// Counts the committed transactions that were written into the file.
    var changes: UInt32 { bytes.number(at: 24) }
    var pages: UInt32 { bytes.number(at: 28) }

    var pageSize: Int {
        let size = Int(bytes[16]) << 8 | Int(bytes[17])
        return size == 1 ? 65_536 : size
    }
}

/// Reads pieces of a file that is not open as a database in this process: closing it would drop SQLite's locks.
private struct PieceReader: ~Copyable {
    private let path: String
    private let descriptor: Int32
    let size: Int

    /// Nil when there is no file.
    init?(_ path: String) throws(RegistryError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw FileSystem.failure(errno, "read", path)
        }
        size = Int(FileIdentity.of(path)?.size ?? 0)
    }

    deinit { close(descriptor) }

    /// The bytes at an offset; nil when the file ends before.
    borrowing func bytes(_ count: Int, at offset: Int) throws(RegistryError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let found = pread(descriptor, &bytes, count, off_t(offset))
        guard found >= 0 else { throw FileSystem.failure(errno, "read", path) }
        return found == count ? bytes : nil
    }
}

extension [UInt8] {
    /// The big-endian number of four bytes at an offset.
    fileprivate func number(at offset: Int) -> UInt32 {
        self[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
