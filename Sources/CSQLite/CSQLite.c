#include "CSQLite.h"

#include <stddef.h>

int csqlite_install_log(csqlite_log_callback callback, void *context) {
    return sqlite3_config(SQLITE_CONFIG_LOG, callback, context);
}

int csqlite_set_flag(sqlite3 *database, int option, int value, int *now) {
    return sqlite3_db_config(database, option, value, now);
}

int csqlite_set_lookaside(sqlite3 *database, int slot_bytes, int slots) {
    return sqlite3_db_config(database, SQLITE_DBCONFIG_LOOKASIDE, (void *)0, slot_bytes, slots);
}

int csqlite_has_moved(sqlite3 *database, int *moved) {
    return sqlite3_file_control(database, "main", SQLITE_FCNTL_HAS_MOVED, moved);
}

static int note_log_frames(void *frames, sqlite3 *database, const char *name, int count) {
    (void)database;
    (void)name;
    *(int *)frames = count;
    return SQLITE_OK;
}

void csqlite_count_log_frames(sqlite3 *database, int *frames) {
    sqlite3_wal_hook(database, note_log_frames, frames);
}

int csqlite_read_log_mark(sqlite3 *database, csqlite_log_mark *mark) {
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(database, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code != SQLITE_OK) return code;
    if (!file || !file->pMethods || file->pMethods->iVersion < 2) return SQLITE_NOTFOUND;
    // The first 32 KiB of the index, which the connection itself has mapped: nothing is opened, extended or locked.
    void volatile *index = NULL;
    code = file->pMethods->xShmMap(file, 0, 32768, 0, &index);
    if (code != SQLITE_OK) return code;
    if (!index) return SQLITE_NOTFOUND;
    const volatile unsigned *words = index;
    mark->frames = words[4];
    mark->salts[0] = words[8];
    mark->salts[1] = words[9];
    mark->backfill_attempted = words[32];
    return SQLITE_OK;
}

// A NULL pointer would bind SQL NULL; an empty value has to stay an empty value.
int csqlite_bind_text_copy(sqlite3_stmt *statement, int index, const char *bytes, sqlite3_uint64 count) {
    return sqlite3_bind_text64(statement, index, bytes ? bytes : "", count, SQLITE_TRANSIENT, SQLITE_UTF8);
}

int csqlite_bind_blob_copy(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 count) {
    return sqlite3_bind_blob64(statement, index, bytes ? bytes : "", count, SQLITE_TRANSIENT);
}
