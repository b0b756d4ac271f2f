#define _GNU_SOURCE
#include "CStorageFaults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct fault {
    bool taken;
    bool active;
    char prefix[512];
    enum storage_fault kind;
    int error;
    int skip;
    int count;
    int seen;
    int failed;
};

static struct fault faults[256];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int active;
static bool installed;

// The error the call shall fail with, or 0.
static int decide(enum storage_fault kind, const char *path) {
    int error = 0;
    if (atomic_load(&active) == 0) return 0;
    pthread_mutex_lock(&lock);
    for (size_t index = 0; index < sizeof faults / sizeof *faults; index++) {
        struct fault *fault = &faults[index];
        if (!fault->active || (fault->kind != kind && fault->kind != STORAGE_FAULT_ANY)) continue;
        if (strncmp(path, fault->prefix, strlen(fault->prefix)) != 0) continue;
        fault->seen++;
        if (fault->skip > 0) {
            fault->skip--;
            continue;
        }
        if (fault->count == 0) continue;
        if (fault->count > 0) fault->count--;
        fault->failed++;
        error = fault->error;
        break;
    }
    pthread_mutex_unlock(&lock);
    return error;
}

// Whether the call shall fail; errno is set then.
static bool fails(enum storage_fault kind, const char *path) {
    int error = decide(kind, path);
    if (error) errno = error;
    return error != 0;
}

static bool fails_descriptor(enum storage_fault kind, int descriptor) {
    char link[64], path[600];
    if (atomic_load(&active) == 0) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return false;
    path[length] = 0;
    return fails(kind, path);
}

// Defined in the program these come before libc's, for our own file code and for the libraries alike. SQLite calls some
// through a table of its own, which gets the same functions; each ends in a bare system call, so none is judged twice.

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    if (fails_descriptor(STORAGE_FAULT_WRITE, descriptor)) return -1;
    return syscall(SYS_pwrite64, descriptor, bytes, count, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    if (fails_descriptor(STORAGE_FAULT_WRITE, descriptor)) return -1;
    return syscall(SYS_write, descriptor, bytes, count);
}

ssize_t pread(int descriptor, void *bytes, size_t count, off_t offset) {
    if (fails_descriptor(STORAGE_FAULT_READ, descriptor)) return -1;
    return syscall(SYS_pread64, descriptor, bytes, count, offset);
}

ssize_t read(int descriptor, void *bytes, size_t count) {
    if (fails_descriptor(STORAGE_FAULT_READ, descriptor)) return -1;
    return syscall(SYS_read, descriptor, bytes, count);
}

int ftruncate(int descriptor, off_t length) {
    if (fails_descriptor(STORAGE_FAULT_TRUNCATE, descriptor)) return -1;
    return (int)syscall(SYS_ftruncate, descriptor, length);
}

int fdatasync(int descriptor) {
    if (fails_descriptor(STORAGE_FAULT_SYNC, descriptor)) return -1;
    return (int)syscall(SYS_fdatasync, descriptor);
}

int fsync(int descriptor) {
    if (fails_descriptor(STORAGE_FAULT_SYNC, descriptor)) return -1;
    return (int)syscall(SYS_fsync, descriptor);
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = va_arg(arguments, mode_t);
    va_end(arguments);
    if (fails(STORAGE_FAULT_OPEN, path)) return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int rename(const char *source, const char *target) {
    if (fails(STORAGE_FAULT_RENAME, source)) return -1;
    return (int)syscall(SYS_renameat2, AT_FDCWD, source, AT_FDCWD, target, 0);
}

int unlink(const char *path) {
    if (fails(STORAGE_FAULT_UNLINK, path)) return -1;
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

static int opening(const char *path, int flags, int mode) { return open(path, flags, (mode_t)mode); }

static void *mapping(void *place, size_t length, int protection, int flags, int descriptor, off_t offset) {
    if (fails_descriptor(STORAGE_FAULT_MAP, descriptor)) return MAP_FAILED;
    return mmap(place, length, protection, flags, descriptor, offset);
}

static void install(void) {
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    static const struct {
        const char *name;
        sqlite3_syscall_ptr function;
    } calls[] = {
        {"open", (sqlite3_syscall_ptr)opening},         {"read", (sqlite3_syscall_ptr)read},
        {"pread", (sqlite3_syscall_ptr)pread},          {"pread64", (sqlite3_syscall_ptr)pread},
        {"write", (sqlite3_syscall_ptr)write},          {"pwrite", (sqlite3_syscall_ptr)pwrite},
        {"pwrite64", (sqlite3_syscall_ptr)pwrite},      {"ftruncate", (sqlite3_syscall_ptr)ftruncate},
        {"unlink", (sqlite3_syscall_ptr)unlink},        {"mmap", (sqlite3_syscall_ptr)mapping},
    };
    for (size_t index = 0; index < sizeof calls / sizeof *calls; index++) {
        vfs->xSetSystemCall(vfs, calls[index].name, calls[index].function);
    }
    installed = true;
}

int storage_fault_set(const char *prefix, enum storage_fault kind, int error, int skip, int count) {
    int handle = -1;
    pthread_mutex_lock(&lock);
    if (!installed) install();
    for (size_t index = 0; index < sizeof faults / sizeof *faults && handle < 0; index++) {
        if (faults[index].taken) continue;
        faults[index] = (struct fault){
            .taken = true, .active = true, .kind = kind, .error = error, .skip = skip, .count = count};
        snprintf(faults[index].prefix, sizeof faults[index].prefix, "%s", prefix);
        handle = (int)index;
        atomic_fetch_add(&active, 1);
    }
    pthread_mutex_unlock(&lock);
    return handle;
}

int storage_fault_seen(int handle) {
    pthread_mutex_lock(&lock);
    int seen = faults[handle].seen;
    pthread_mutex_unlock(&lock);
    return seen;
}

int storage_fault_failed(int handle) {
    pthread_mutex_lock(&lock);
    int failed = faults[handle].failed;
    pthread_mutex_unlock(&lock);
    return failed;
}

void storage_fault_end(int handle) {
    pthread_mutex_lock(&lock);
    if (faults[handle].active) atomic_fetch_sub(&active, 1);
    faults[handle].active = false;
    pthread_mutex_unlock(&lock);
}

void storage_fault_release(int handle) {
    storage_fault_end(handle);
    pthread_mutex_lock(&lock);
    faults[handle].taken = false;
    pthread_mutex_unlock(&lock);
}
