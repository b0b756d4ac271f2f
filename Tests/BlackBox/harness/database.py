"""The registry file seen from outside: the sqlite3 shell's view, and what `ls -l` says."""

import contextlib
import json
import os
import sqlite3
import stat
import subprocess


def shell(database, sql):
    """One statement through the sqlite3 shell, as an operator would type it: its lines, split at `|`.

    SQLite has no queue for its locks: beside clients that write without a pause the shell has to be patient.
    """
    done = subprocess.run(
        ["sqlite3", "-cmd", ".timeout 25000", str(database), sql], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"sqlite3 {database} {sql!r}: {done.stderr}"
    return [line.split("|") for line in done.stdout.splitlines()]


def rows(database, sql, *parameters):
    """Rows of a query. (Not opened read-only: such a connection would leave its side files behind.)"""
    with contextlib.closing(sqlite3.connect(database, timeout=25)) as connection:
        return connection.execute(sql, parameters).fetchall()


def change(database, sql, *parameters):
    """One committed change from outside the gateway; says how many rows it touched."""
    with contextlib.closing(sqlite3.connect(database, timeout=25)) as connection:
        count = connection.execute(sql, parameters).rowcount
        connection.commit()
        return count


@contextlib.contextmanager
def write_lock(database):
    """Holds the file's write lock, as a long external transaction would."""
    connection = sqlite3.connect(database, timeout=25, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def integrity(database):
    return shell(database, "PRAGMA integrity_check;")


def mode(path):
    return oct(stat.S_IMODE(os.lstat(path).st_mode))


def origin_document(slug="default", default="default", profiles=("default",), **more):
    """A whole registry in the origin's shape; `profiles` are names, or the member itself."""
    if not isinstance(profiles, dict):
        profiles = {
            p: {
                "slug": p,
                "runtime": {"system_prompt": f"{slug}/{p}"},
                "policy": {"allow_overrides": False, "read_only": False},
                "metadata": {"version": 3},
            }
            for p in profiles
        }
    return {"slug": slug, "default_profile_slug": default, "profiles": profiles, "metadata": {"version": 5}, **more}


def write_origin_file(path, documents):
    """A file as the origin wrote it: one table, one row per registry; values are documents or raw text."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS profile_registries (slug TEXT PRIMARY KEY, payload_json TEXT NOT NULL,"
            " updated_at_ms INTEGER NOT NULL DEFAULT 0)"
        )
        for slug, document in documents.items():
            text = document if isinstance(document, str) else json.dumps(document)
            connection.execute("INSERT INTO profile_registries VALUES (?, ?, ?)", (slug, text, 1771900000000))
        connection.commit()
    os.chmod(path, 0o600)
