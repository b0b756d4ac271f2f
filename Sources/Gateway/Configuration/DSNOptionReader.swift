// The options of a DSN (origin S12) with the driver's aliases and boolean forms. Three answers are possible: taken;
// taken without effect, which is said in a remark; refused, where obeying would break a promise of the product
// (gateway.md §6: acknowledged changes survive, other connections can read).

internal import SQLite

/// Turns DSN options into connection options, one at a time.
struct DSNOptionReader {
    private(set) var remarks: [String] = []
    private var options = ConnectionOptions()
    private var seen: [String: String] = [:]

    /// Alias → the name it stands for.
    private static let aliases = [
        "_journal": "_journal_mode", "_timeout": "_busy_timeout", "_fk": "_foreign_keys", "_sync": "_synchronous",
        "_locking": "_locking_mode", "_vacuum": "_auto_vacuum",
    ]

    private static let names = [
        "_journal_mode", "_busy_timeout", "_foreign_keys", "_synchronous", "_txlock", "_query_only", "_secure_delete",
        "_locking_mode", "_auto_vacuum", "_cache_size", "mode", "cache", "immutable",
    ]

    /// Takes one option.
    mutating func apply(name: String, value: String) throws(InvalidSetting) {
        let canonical = Self.aliases[name] ?? name
        guard Self.names.contains(canonical) else {
            let known = Self.names + Self.aliases.keys.sorted()
            throw InvalidSetting(
                "unknown option `\(name)`" + Suggestion.phrase(for: name, among: known)
                    + "; known are \(known.joined(separator: ", "))")
        }
        if let earlier = seen.updateValue(name, forKey: canonical) {
            throw InvalidSetting(
                earlier == name
                    ? "option `\(name)` is given twice" : "options `\(earlier)` and `\(name)` are the same one")
        }
        switch canonical {
        case "_journal_mode": try applyJournalMode(name, value)
        case "_busy_timeout": options.busyTimeout = .milliseconds(try number(name, value, in: 0...600_000))
        case "_foreign_keys": options.foreignKeys = try boolean(name, value)
        case "_synchronous": try applySynchronous(name, value)
        case "_txlock": try applyTransactionLock(name, value)
        case "_query_only": options.queryOnly = try boolean(name, value)
        case "_secure_delete": try applySecureDelete(name, value)
        case "_locking_mode": try applyLockingMode(name, value)
        case "_auto_vacuum":
            let mode: ConnectionOptions.AutoVacuum = try choice(
                name, value,
                [
                    "none": .none, "0": .none, "full": .full, "1": .full, "incremental": .incremental,
                    "2": .incremental,
                ])
            options.autoVacuum = mode
        case "_cache_size": options.cacheSize = Int64(try number(name, value, in: -1_000_000...1_000_000))
        case "mode": try applyMode(name, value)
        case "cache": try applyCache(name, value)
        default: options.immutable = try boolean(name, value)
        }
    }

    /// The options together; refuses combinations that contradict each other.
    func finish() throws(InvalidSetting) -> ConnectionOptions {
        if options.immutable, options.access != .readOnly {
            throw InvalidSetting(
                "option `immutable` switches locking off, which corrupts a file that is written; it needs mode=ro")
        }
        return options
    }

    private mutating func applyJournalMode(_ name: String, _ value: String) throws(InvalidSetting) {
        let mode: ConnectionOptions.JournalMode = try choice(
            name, value,
            [
                "wal": .wal, "delete": .delete, "truncate": .truncate, "persist": .persist, "memory": .memory,
                "off": .off,
            ])
        if mode == .memory || mode == .off {
            throw InvalidSetting(
                "\(name)=\(value) loses or corrupts the file when the process dies; use WAL (or DELETE)")
        }
        options.journalMode = mode
    }

    private mutating func applySynchronous(_ name: String, _ value: String) throws(InvalidSetting) {
        let level: ConnectionOptions.Synchronous = try choice(
            name, value,
            [
                "off": .off, "0": .off, "normal": .normal, "1": .normal, "full": .full, "2": .full, "extra": .extra,
                "3": .extra,
            ])
        if level == .off {
            throw InvalidSetting("\(name)=\(value) can corrupt the file at a power failure; use FULL")
        }
        if level == .normal {
            remarks.append("\(name)=\(value): acknowledged changes may be lost at a power failure; FULL keeps them")
        }
        options.synchronous = level
    }

    private mutating func applyTransactionLock(_ name: String, _ value: String) throws(InvalidSetting) {
        let lock: ConnectionOptions.TransactionLock = try choice(
            name, value, ["deferred": .deferred, "immediate": .immediate, "exclusive": .exclusive])
        if lock != .immediate {
            remarks.append("\(name)=\(value) has no effect: every write begins immediate")
        }
    }

    private mutating func applySecureDelete(_ name: String, _ value: String) throws(InvalidSetting) {
        switch value.lowercased() {
        case "default": options.secureDelete = nil
        case "fast": options.secureDelete = .fast
        default: options.secureDelete = try boolean(name, value, also: "default or fast") ? .on : .off
        }
    }

    private mutating func applyLockingMode(_ name: String, _ value: String) throws(InvalidSetting) {
        let mode: ConnectionOptions.LockingMode = try choice(
            name, value, ["normal": .normal, "exclusive": .exclusive])
        if mode == .exclusive {
            throw InvalidSetting("\(name)=\(value) would lock out our own readers, backups and sqlite3; use NORMAL")
        }
    }

    private mutating func applyMode(_ name: String, _ value: String) throws(InvalidSetting) {
        if value.lowercased() == "memory" {
            throw InvalidSetting("mode=memory keeps nothing; name a file")
        }
        options.access = try choice(name, value, ["ro": .readOnly, "rw": .readWrite, "rwc": .readWriteCreate])
    }

    private mutating func applyCache(_ name: String, _ value: String) throws(InvalidSetting) {
        if try choice(name, value, ["private": false, "shared": true]) {
            remarks.append("cache=shared has no effect: readers and the writer keep their own caches")
        }
    }

    private func choice<Choice>(
        _ name: String, _ value: String, _ known: KeyValuePairs<String, Choice>
    ) throws(InvalidSetting) -> Choice {
        let wanted = value.lowercased()
        guard let found = known.first(where: { $0.key == wanted }) else {
            throw InvalidSetting(
                "option `\(name)` must be one of \(known.map(\.key).joined(separator: ", ")), not `\(value)`")
        }
        return found.value
    }

    private func boolean(_ name: String, _ value: String, also: String = "") throws(InvalidSetting) -> Bool {
        switch value.lowercased() {
        case "1", "yes", "true", "on": return true
        case "0", "no", "false", "off": return false
        default:
            throw InvalidSetting(
                "option `\(name)` must be one of 0, no, false, off, 1, yes, true, on\(also.isEmpty ? "" : ", " + also), "
                    + "not `\(value)`")
        }
    }

    private func number(_ name: String, _ value: String, in range: ClosedRange<Int>) throws(InvalidSetting) -> Int {
        let digits = value.hasPrefix("-") ? value.dropFirst() : value[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = Int(value) else {
            throw InvalidSetting("option `\(name)` must be a whole number, not `\(value)`")
        }
        guard range.contains(number) else {
            throw InvalidSetting(
                "option `\(name)` must be from \(range.lowerBound) to \(range.upperBound), not \(value)")
        }
        return number
    }
}
