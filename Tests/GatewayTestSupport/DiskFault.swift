internal import CStorageFaults

/// A disk that fails: chosen system calls, SQLite's and our own, fail on files under a path, until it is ended or let go.
package final class DiskFault: Sendable {
    package enum Kind: Sendable, CaseIterable {
        case write, truncate, sync, open, read, rename, unlink, map
        /// Each call of all kinds: the disk is gone.
        case any

        fileprivate var raw: storage_fault {
            switch self {
            case .write: STORAGE_FAULT_WRITE
            case .truncate: STORAGE_FAULT_TRUNCATE
            case .sync: STORAGE_FAULT_SYNC
            case .open: STORAGE_FAULT_OPEN
            case .read: STORAGE_FAULT_READ
            case .rename: STORAGE_FAULT_RENAME
            case .unlink: STORAGE_FAULT_UNLINK
            case .map: STORAGE_FAULT_MAP
            case .any: STORAGE_FAULT_ANY
            }
        }
    }

    private let handle: Int32

    /// Fails calls with `error` (an errno) after `skip` that succeed; `count` of them, or all.
    package init(_ kind: Kind, under path: String, error: Int32, skip: Int = 0, count: Int? = nil) {
        handle = storage_fault_set(path, kind.raw, error, Int32(skip), Int32(count ?? -1))
    }

    deinit { storage_fault_release(handle) }

    /// Calls looked at so far, and how many of them were made to fail.
    package var seen: Int { Int(storage_fault_seen(handle)) }
    package var failed: Int { Int(storage_fault_failed(handle)) }

    /// Ends the fault; the counts stay readable while the object is held.
    package func end() { storage_fault_end(handle) }
}
