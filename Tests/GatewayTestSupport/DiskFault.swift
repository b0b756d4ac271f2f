internal import CStorageFaults

/// A disk that fails: chosen system calls of SQLite fail on files under a path, until the object is let go.
package final class DiskFault: Sendable {
    package enum Kind: Sendable, CaseIterable {
        case write, truncate, sync, open

        fileprivate var raw: storage_fault {
            switch self {
            case .write: STORAGE_FAULT_WRITE
            case .truncate: STORAGE_FAULT_TRUNCATE
            case .sync: STORAGE_FAULT_SYNC
            case .open: STORAGE_FAULT_OPEN
            }
        }
    }

    private let handle: Int32

    /// Fails calls with `error` (an errno) after `skip` that succeed; `count` of them, or all.
    package init(_ kind: Kind, under path: String, error: Int32, skip: Int = 0, count: Int? = nil) {
        handle = storage_fault_set(path, kind.raw, error, Int32(skip), Int32(count ?? -1))
    }

    deinit { storage_fault_clear(handle) }

    /// Keeps the fault up to here.
    package func end() {}
}
