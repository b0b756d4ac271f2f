// Failing disks for tests: chosen system calls of SQLite fail on files under a path.
#pragma once

#pragma clang assume_nonnull begin

enum storage_fault {
    STORAGE_FAULT_WRITE,     // pwrite, pwrite64
    STORAGE_FAULT_TRUNCATE,  // ftruncate
    STORAGE_FAULT_SYNC,      // fdatasync, fsync
    STORAGE_FAULT_OPEN,      // open
};

/// Makes calls of a kind on files whose path starts with `prefix` fail with `error`, after `skip` that succeed; `count`
/// of them, or all when it is negative. Returns a handle for `storage_fault_clear`, or -1 when there are too many.
int storage_fault_set(const char *prefix, enum storage_fault kind, int error, int skip, int count);

/// Ends a fault; returns how many calls it has failed.
int storage_fault_clear(int handle);

#pragma clang assume_nonnull end
