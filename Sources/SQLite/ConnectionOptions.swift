/// How a connection is opened: the options a DSN can name (origin S12) with the product's defaults.
///
/// Parsing a DSN string into this value is the configuration's business; nothing here comes from a string.
package struct ConnectionOptions: Sendable, Equatable {
    package enum Access: Sendable {
        case readOnly, readWrite, readWriteCreate
    }

    /// `off` exists to be named in a refusal: a hardened connection cannot be without a journal.
    package enum JournalMode: String, Sendable, CaseIterable {
        case delete, truncate, persist, memory, wal, off
    }

    package enum Synchronous: Int64, Sendable {
        case off = 0
        case normal, full, extra
    }

    package enum LockingMode: String, Sendable {
        case normal, exclusive
    }

    package enum AutoVacuum: Int64, Sendable {
        case none = 0
        case full, incremental
    }

    package enum SecureDelete: Int64, Sendable {
        case off = 0
        case on, fast
    }

    package enum TransactionLock: String, Sendable {
        case deferred, immediate, exclusive
    }

    package var access = Access.readWriteCreate
    package var journalMode = JournalMode.wal
    /// How long a writer waits for another process, counted from the request's arrival.
    package var busyTimeout = Duration.milliseconds(5000)
    package var foreignKeys = true
    package var synchronous = Synchronous.full
    /// As SQLite counts it: pages when positive, KiB when negative.
    package var cacheSize: Int64 = -200
    package var queryOnly = false
    package var lockingMode = LockingMode.normal
    /// Nil leaves what the library was built with.
    package var secureDelete: SecureDelete?
    /// Nil leaves what the file has; only effective on a file without tables.
    package var autoVacuum: AutoVacuum?
    /// How a transaction without an explicit kind begins.
    package var transactionLock = TransactionLock.immediate
    /// The file is promised never to change while open: no locks, no change detection; implies read-only.
    package var immutable = false

    package init() {}

    /// The same options for a connection that can only read.
    package var reading: ConnectionOptions {
        var copy = self
        copy.access = .readOnly
        copy.queryOnly = true
        copy.autoVacuum = nil
        return copy
    }
}
