/// `profiles.db.state`: which state of the main file its `-wal` continues, recorded outside SQLite.
///
/// A `-wal` that continues a file and one that belongs to the file before a restore can be byte-identical; only this
/// tells them apart at open (gateway.md §6). In WAL mode the main file changes only in a checkpoint, so the record is
/// written before and after each, durably. It fits a sector and carries a checksum: a torn one reads as `checkpoint`,
/// the most careful state.
struct StateRecord: Equatable {
    enum Phase: String {
        /// The main file is as recorded until the next checkpoint begins.
        case clean
        /// A checkpoint may be half done.
        case checkpoint
        /// The file is not in WAL mode: nothing but that it held data is recorded.
        case unlogged
    }

    var phase: Phase
    var identity: FileIdentity

    private static let title = "profile-gateway state 1"

    /// Reads the record beside a registry file; nil when there is none.
    static func read(_ file: RegistryFile) throws(RegistryError) -> StateRecord? {
        guard let bytes = try FileSystem.read(file.statePath, limit: 512), !bytes.isEmpty else { return nil }
        return decode(bytes) ?? StateRecord(phase: .checkpoint, identity: .unknown)
    }

    /// Writes the record durably.
    func write(_ file: RegistryFile) throws(RegistryError) {
        let isNew = FileStatus(file.statePath) == nil
        try FileSystem.overwrite(file.statePath, with: encoded())
        if isNew { try FileSystem.synchroniseDirectory(file.directory) }
    }

    func encoded() -> [UInt8] {
        let text = """
            \(Self.title)
            \(phase.rawValue) \(identity.device) \(identity.inode) \(identity.size) \
            \(identity.modifiedNs) \(identity.changedNs)
            """
        let line = text + "\n" + String(Self.checksum(text), radix: 16)
        // One length, so that an older record never shows behind a newer one.
        return Array(line.utf8) + [UInt8](repeating: UInt8(ascii: " "), count: max(0, 255 - line.utf8.count))
            + [UInt8(ascii: "\n")]
    }

    static func decode(_ bytes: [UInt8]) -> StateRecord? {
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        guard lines.count >= 3, lines[0] == title,
            let sum = UInt64(lines[2].filter { $0 != " " }, radix: 16), sum == checksum("\(lines[0])\n\(lines[1])")
        else { return nil }
        let fields = lines[1].split(separator: " ")
        guard fields.count == 6, let phase = Phase(rawValue: String(fields[0])),
            let device = UInt64(fields[1]), let inode = UInt64(fields[2]), let size = Int64(fields[3]),
            let modified = Int64(fields[4]), let changed = Int64(fields[5])
        else { return nil }
        return StateRecord(
            phase: phase,
            identity: FileIdentity(
                device: device, inode: inode, size: size, modifiedNs: modified, changedNs: changed))
    }

    /// FNV-1a: against torn writes, not against anyone.
    private static func checksum(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    }
}

extension FileIdentity {
    /// Equal to no real file.
    static let unknown = FileIdentity(device: 0, inode: 0, size: -1, modifiedNs: 0, changedNs: 0)
}
