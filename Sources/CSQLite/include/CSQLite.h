// Our contract over Debian's libsqlite3: the plain C API, and calls that are variadic or macros in it and so
// cannot be imported by Swift.
#pragma once
#include <sqlite3.h>

#pragma clang assume_nonnull begin

typedef void (*csqlite_log_callback)(void *_Nullable context, int code, const char *message);

/// Installs the process-wide error log. Must run before the first connection is opened; SQLITE_MISUSE after.
int csqlite_install_log(csqlite_log_callback callback, void *_Nullable context);

/// Sets a boolean SQLITE_DBCONFIG_* option and reads the value now in force.
int csqlite_set_flag(sqlite3 *database, int option, int value, int *_Nullable now);

/// Replaces the connection's lookaside buffer; only valid while nothing is prepared on it.
int csqlite_set_lookaside(sqlite3 *database, int slot_bytes, int slots);

/// SQLITE_FCNTL_HAS_MOVED: whether the open descriptor is no longer the file its path names.
int csqlite_has_moved(sqlite3 *database, int *moved);

/// Keeps in `frames`, which must outlive the connection, how many frames the log held after the last commit. Replaces
/// the automatic checkpoint's hook.
void csqlite_count_log_frames(sqlite3 *database, int *frames);

/// How far the write-ahead log is and has been moved into the file, as the wal-index has it (sqlite.org/walformat.html).
typedef struct {
    unsigned salts[2];            // drawn anew whenever the log starts over
    unsigned frames;              // frames in the log
    unsigned backfill_attempted;  // frames that a checkpoint, whoever's, has begun to move
} csqlite_log_mark;

/// Reads the wal-index that the connection has mapped; SQLITE_NOTFOUND when there is none. Only on a WAL connection in
/// the normal locking mode that has read something.
int csqlite_read_log_mark(sqlite3 *database, csqlite_log_mark *mark);

/// Binds bytes that SQLite copies (SQLITE_TRANSIENT is a cast macro, invisible to Swift).
int csqlite_bind_text_copy(sqlite3_stmt *statement, int index, const char *_Nullable bytes, sqlite3_uint64 count);
int csqlite_bind_blob_copy(sqlite3_stmt *statement, int index, const void *_Nullable bytes, sqlite3_uint64 count);

#pragma clang assume_nonnull end
