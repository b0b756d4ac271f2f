// How many transactions a second libsqlite3 itself commits durably on this disk, one after the other.
//
// The file: journal_mode=WAL, synchronous=FULL, wal_autocheckpoint left at its 1000 pages, one connection. Table
// `profiles` has 100 rows of a 600-byte document; table `profile_versions` is empty.
// One transaction, with statements prepared once:
//     BEGIN IMMEDIATE
//     UPDATE profiles SET payload = ?, version = version + 1 WHERE slug = ? AND version = ?    (must change one row)
//     INSERT INTO profile_versions(slug, version, payload, at_ms) VALUES (?, ?, ?, ?)
//     COMMIT                                                                                  (one fdatasync of the WAL)
// That is a guarded change with its history and nothing else: no audit row, no JSON, no snapshot, no HTTP.
//   commit-rate DIRECTORY SECONDS        prints commits per second
#define _POSIX_C_SOURCE 200809L
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { rows = 100, document_bytes = 600 };

static sqlite3 *database;

static void require(int code, int expected, const char *what) {
    if (code == expected) return;
    fprintf(stderr, "commit-rate: %s: %s\n", what, sqlite3_errmsg(database));
    exit(1);
}

static void run(const char *sql) { require(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK, sql); }

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *statement = NULL;
    require(sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL), SQLITE_OK, sql);
    return statement;
}

static void step(sqlite3_stmt *statement, const char *what) {
    require(sqlite3_step(statement), SQLITE_DONE, what);
    sqlite3_reset(statement);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argument_count, char **arguments) {
    if (argument_count != 3) {
        fprintf(stderr, "usage: commit-rate DIRECTORY SECONDS\n");
        return 2;
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/commit-rate.db", arguments[1]);
    double seconds = atof(arguments[2]);
    require(sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK, path);
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = FULL");
    run("CREATE TABLE profiles(slug TEXT PRIMARY KEY, version INTEGER NOT NULL, payload TEXT NOT NULL) WITHOUT ROWID");
    run("CREATE TABLE profile_versions(slug TEXT NOT NULL, version INTEGER NOT NULL, payload TEXT NOT NULL,"
        " at_ms INTEGER NOT NULL, PRIMARY KEY(slug, version)) WITHOUT ROWID");

    char document[document_bytes];
    memset(document, 'x', sizeof document);
    char slug[32];
    sqlite3_stmt *fill = prepare("INSERT INTO profiles(slug, version, payload) VALUES (?, 1, ?)");
    run("BEGIN IMMEDIATE");
    for (int row = 0; row < rows; row++) {
        int length = snprintf(slug, sizeof slug, "profile-%03d", row);
        sqlite3_bind_text(fill, 1, slug, length, SQLITE_TRANSIENT);
        sqlite3_bind_text(fill, 2, document, sizeof document, SQLITE_STATIC);
        step(fill, "fill");
    }
    run("COMMIT");
    sqlite3_finalize(fill);

    sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE");
    sqlite3_stmt *change = prepare("UPDATE profiles SET payload = ?, version = version + 1 WHERE slug = ? AND version = ?");
    sqlite3_stmt *record = prepare("INSERT INTO profile_versions(slug, version, payload, at_ms) VALUES (?, ?, ?, ?)");
    sqlite3_stmt *commit = prepare("COMMIT");
    long commits = 0;
    double started = now(), elapsed = 0;
    while (elapsed < seconds) {
        // One row again and again, as the one client of the comparison patches one profile.
        sqlite3_int64 version = commits + 1;
        snprintf(document, sizeof document, "%ld", commits);
        step(begin, "BEGIN");
        sqlite3_bind_text(change, 1, document, sizeof document, SQLITE_STATIC);
        sqlite3_bind_text(change, 2, "profile-050", -1, SQLITE_STATIC);
        sqlite3_bind_int64(change, 3, version);
        step(change, "UPDATE");
        if (sqlite3_changes(database) != 1) {
            fprintf(stderr, "commit-rate: the guarded UPDATE changed no row\n");
            return 1;
        }
        sqlite3_bind_text(record, 1, "profile-050", -1, SQLITE_STATIC);
        sqlite3_bind_int64(record, 2, version + 1);
        sqlite3_bind_text(record, 3, document, sizeof document, SQLITE_STATIC);
        sqlite3_bind_int64(record, 4, 1700000000000);
        step(record, "INSERT");
        step(commit, "COMMIT");
        commits++;
        elapsed = now() - started;
    }
    printf("%.1f\n", (double)commits / elapsed);
    sqlite3_finalize(begin);
    sqlite3_finalize(change);
    sqlite3_finalize(record);
    sqlite3_finalize(commit);
    return sqlite3_close(database) == SQLITE_OK ? 0 : 1;
}
