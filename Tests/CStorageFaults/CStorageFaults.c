#define _GNU_SOURCE
#include "CStorageFaults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct fault {
    bool active;
    char prefix[512];
    enum storage_fault kind;
    int error;
    int skip;
    int count;
    int failed;
};

static struct fault faults[64];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool installed;

// The error the call shall fail with, or 0.
static int decide(enum storage_fault kind, const char *path) {
    int error = 0;
    pthread_mutex_lock(&lock);
    for (size_t index = 0; index < sizeof faults / sizeof *faults; index++) {
        struct fault *fault = &faults[index];
        if (!fault->active || fault->kind != kind || strncmp(path, fault->prefix, strlen(fault->prefix)) != 0)
            continue;
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

static int decide_descriptor(enum storage_fault kind, int descriptor) {
    char link[64], path[600];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return decide(kind, path);
}

static ssize_t failing_pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    int error = decide_descriptor(STORAGE_FAULT_WRITE, descriptor);
    if (error) {
        errno = error;
        return -1;
    }
    return pwrite(descriptor, bytes, count, offset);
}

static int failing_ftruncate(int descriptor, off_t length) {
    int error = decide_descriptor(STORAGE_FAULT_TRUNCATE, descriptor);
    if (error) {
        errno = error;
        return -1;
    }
    return ftruncate(descriptor, length);
}

static int failing_open(const char *path, int flags, int mode) {
    int error = decide(STORAGE_FAULT_OPEN, path);
    if (error) {
        errno = error;
        return -1;
    }
    return open(path, flags, (mode_t)mode);
}

// SQLite has no hook for these; defined in the program, they come before libc's for its libraries too.
int fdatasync(int descriptor) {
    int error = decide_descriptor(STORAGE_FAULT_SYNC, descriptor);
    if (error) {
        errno = error;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, descriptor);
}

int fsync(int descriptor) {
    int error = decide_descriptor(STORAGE_FAULT_SYNC, descriptor);
    if (error) {
        errno = error;
        return -1;
    }
    return (int)syscall(SYS_fsync, descriptor);
}

static void install(void) {
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)failing_pwrite);
    vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)failing_pwrite);
    vfs->xSetSystemCall(vfs, "ftruncate", (sqlite3_syscall_ptr)failing_ftruncate);
    vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)failing_open);
    installed = true;
}

int storage_fault_set(const char *prefix, enum storage_fault kind, int error, int skip, int count) {
    int handle = -1;
    pthread_mutex_lock(&lock);
    if (!installed) install();
    for (size_t index = 0; index < sizeof faults / sizeof *faults && handle < 0; index++) {
        if (faults[index].active) continue;
        faults[index] = (struct fault){.active = true, .kind = kind, .error = error, .skip = skip, .count = count};
        snprintf(faults[index].prefix, sizeof faults[index].prefix, "%s", prefix);
        handle = (int)index;
    }
    pthread_mutex_unlock(&lock);
    return handle;
}

int storage_fault_clear(int handle) {
    pthread_mutex_lock(&lock);
    int failed = faults[handle].failed;
    faults[handle].active = false;
    pthread_mutex_unlock(&lock);
    return failed;
}
