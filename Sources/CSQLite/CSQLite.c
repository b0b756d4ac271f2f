#include "CSQLite.h"

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

// A NULL pointer would bind SQL NULL; an empty value has to stay an empty value.
int csqlite_bind_text_copy(sqlite3_stmt *statement, int index, const char *bytes, sqlite3_uint64 count) {
    return sqlite3_bind_text64(statement, index, bytes ? bytes : "", count, SQLITE_TRANSIENT, SQLITE_UTF8);
}

int csqlite_bind_blob_copy(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 count) {
    return sqlite3_bind_blob64(statement, index, bytes ? bytes : "", count, SQLITE_TRANSIENT);
}
