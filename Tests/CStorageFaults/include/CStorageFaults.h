// Failing disks for tests: chosen system calls, SQLite's and our own, fail on files under a path.
#pragma once

#pragma clang assume_nonnull begin

enum storage_fault {
    STORAGE_FAULT_WRITE,     // write, pwrite
    STORAGE_FAULT_TRUNCATE,  // ftruncate
    STORAGE_FAULT_SYNC,      // fdatasync, fsync
    STORAGE_FAULT_OPEN,      // open
    STORAGE_FAULT_READ,      // read, pread
    STORAGE_FAULT_RENAME,    // rename, by its source
    STORAGE_FAULT_UNLINK,    // unlink
    STORAGE_FAULT_MAP,       // mmap, which is how SQLite shares the wal-index
    STORAGE_FAULT_ANY,       // each of them: the disk is gone
};

/// Makes calls of a kind on files whose path starts with `prefix` fail with `error`, after `skip` that succeed; `count`
/// of them, or all when it is negative. Returns a handle, or -1 when there are too many.
int storage_fault_set(const char *prefix, enum storage_fault kind, int error, int skip, int count);

/// How many calls the fault has looked at, and how many of them it has failed.
int storage_fault_seen(int handle);
int storage_fault_failed(int handle);

/// Ends a fault; its counts stay until it is released.
void storage_fault_end(int handle);
void storage_fault_release(int handle);

#pragma clang assume_nonnull end
