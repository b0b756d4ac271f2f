import Gateway
import SQLite
import Testing

@Suite struct DSNTests {
    struct Taken: Sendable, CustomTestStringConvertible {
        let dsn: String
        let path: String
        let change: @Sendable (inout ConnectionOptions) -> Void

        init(
            _ dsn: String, _ path: String = "a.db",
            _ change: @escaping @Sendable (inout ConnectionOptions) -> Void = { _ in }
        ) {
            self.dsn = dsn
            self.path = path
            self.change = change
        }

        var testDescription: String { dsn }
    }

    @Test(arguments: [
        Taken("file:./data/profiles.db?_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=on", "./data/profiles.db"),
        Taken("a.db"), Taken("file:a.db"), Taken("file:a.db?"),
        Taken("a.db?_journal=delete") { $0.journalMode = .delete },
        Taken("file:a.db?_journal_mode=TRUNCATE") { $0.journalMode = .truncate },
        Taken("file:a.db?_journal_mode=Persist") { $0.journalMode = .persist },
        Taken("file:a.db?_timeout=250") { $0.busyTimeout = .milliseconds(250) },
        Taken("file:a.db?_busy_timeout=0") { $0.busyTimeout = .zero },
        Taken("file:a.db?_fk=0") { $0.foreignKeys = false },
        Taken("file:a.db?_fk=no") { $0.foreignKeys = false },
        Taken("file:a.db?_foreign_keys=FALSE") { $0.foreignKeys = false },
        Taken("file:a.db?_foreign_keys=off") { $0.foreignKeys = false },
        Taken("file:a.db?_foreign_keys=1"), Taken("file:a.db?_foreign_keys=yes"), Taken("file:a.db?_foreign_keys=true"),
        Taken("file:a.db?mode=ro") { $0.access = .readOnly },
        Taken("file:a.db?mode=rw") { $0.access = .readWrite },
        Taken("file:a.db?mode=rwc"),
        Taken("file:a.db?mode=ro&immutable=1") {
            $0.access = .readOnly
            $0.immutable = true
        },
        Taken("file:a.db?immutable=0"), Taken("file:a.db?cache=private"), Taken("file:a.db?cache=shared"),
        Taken("file:a.db?_sync=EXTRA") { $0.synchronous = .extra },
        Taken("file:a.db?_synchronous=2"),
        Taken("file:a.db?_synchronous=normal") { $0.synchronous = .normal },
        Taken("file:a.db?_txlock=immediate"), Taken("file:a.db?_txlock=deferred"), Taken("file:a.db?_txlock=exclusive"),
        Taken("file:a.db?_query_only=on") { $0.queryOnly = true },
        Taken("file:a.db?_secure_delete=fast") { $0.secureDelete = .fast },
        Taken("file:a.db?_secure_delete=on") { $0.secureDelete = .on },
        Taken("file:a.db?_secure_delete=0") { $0.secureDelete = .off },
        Taken("file:a.db?_secure_delete=default"),
        Taken("file:a.db?_locking=NORMAL"), Taken("file:a.db?_locking_mode=normal"),
        Taken("file:a.db?_vacuum=incremental") { $0.autoVacuum = .incremental },
        Taken("file:a.db?_auto_vacuum=1") { $0.autoVacuum = .full },
        Taken("file:a.db?_auto_vacuum=none") { $0.autoVacuum = ConnectionOptions.AutoVacuum.none },
        Taken("file:a.db?_cache_size=-2000") { $0.cacheSize = -2000 },
        Taken("file:a.db?_cache_size=100&_fk=off") {
            $0.cacheSize = 100
            $0.foreignKeys = false
        },
        Taken("file:///srv/a.db", "/srv/a.db"), Taken("file://localhost/srv/a.db", "/srv/a.db"),
        Taken("file:/srv/a.db", "/srv/a.db"),
        Taken("file:prof%23%3f%25.db", "prof#?%.db"), Taken("file:a+b%20c.db", "a+b c.db"),
        Taken("prof%41#.db", "prof%41#.db"),
        Taken("file:pr%C3%B6f.db", "pröf.db"), Taken("file:a.db?%5Ffk=o%66f") { $0.foreignKeys = false },
    ])
    func `a DSN becomes a path and options`(taken: Taken) throws {
        let file = try DSN.parse(taken.dsn)
        var expected = ConnectionOptions()
        taken.change(&expected)
        #expect(file.path == taken.path)
        #expect(file.options == expected)
    }

    @Test func `the runbook's path form and DSN mean the same`() throws {
        let byPath = try RegistryFileOptions(path: "./data/profiles.db")
        let byDSN = try DSN.parse(
            "file:./data/profiles.db?_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=on")
        #expect(byPath == byDSN)
        #expect(byPath.options.journalMode == .wal)
        #expect(byPath.options.busyTimeout == .seconds(5))
        #expect(byPath.options.foreignKeys)
        #expect(byPath.createsFile)
    }

    @Test(arguments: [
        (
            "file:a.db?_foreign_keyz=on",
            "unknown option `_foreign_keyz`; did you mean `_foreign_keys`?; known are _journal_mode"
        ),
        ("file:a.db?vfs=unix-none", "unknown option `vfs`; known are "),
        ("file:a.db?_auth", "option `_auth` has no value; write _auth=…"),
        ("file:a.db?_fk=maybe", "option `_fk` must be one of 0, no, false, off, 1, yes, true, on, not `maybe`"),
        ("file:a.db?_fk=1&_fk=1", "option `_fk` is given twice"),
        ("file:a.db?_fk=1&_foreign_keys=0", "options `_fk` and `_foreign_keys` are the same one"),
        ("file:a.db?_busy_timeout=5s", "option `_busy_timeout` must be a whole number, not `5s`"),
        ("file:a.db?_busy_timeout=-1", "option `_busy_timeout` must be from 0 to 600000, not -1"),
        (
            "file:a.db?_journal_mode=wall",
            "option `_journal_mode` must be one of wal, delete, truncate, persist, memory, off, not `wall`"
        ),
        (
            "file:a.db?_journal_mode=MEMORY",
            "_journal_mode=MEMORY loses or corrupts the file when the process dies; use WAL (or DELETE)"
        ),
        ("file:a.db?_sync=0", "_sync=0 can corrupt the file at a power failure; use FULL"),
        (
            "file:a.db?_locking=exclusive",
            "_locking=exclusive would lock out our own readers, backups and sqlite3; use NORMAL"
        ),
        ("file:a.db?mode=memory", "mode=memory keeps nothing; name a file"),
        ("file:a.db?mode=rx", "option `mode` must be one of ro, rw, rwc, not `rx`"),
        (
            "file:a.db?immutable=1",
            "option `immutable` switches locking off, which corrupts a file that is written; it needs mode=ro"
        ),
        ("file::memory:", "`:memory:` keeps nothing; name a file (./:memory: is one of that name)"),
        (":memory:?cache=shared", "`:memory:` keeps nothing; name a file (./:memory: is one of that name)"),
        ("file:", "names no file"), ("?_fk=1", "names no file"),
        ("file:data/", "`data/` is a directory; name a file in it"),
        ("file:a#b.db", "`#` ends a file: URI; write %23 for a # in the name, or use profile_registry_db"),
        ("file:a.db?_fk=1#x", "`#` ends a file: URI; options behind it would be lost"),
        ("file:a%4", "`a%4`: % must be followed by two hexadecimal digits; write %25 for %"),
        ("file:a%zz", "`a%zz`: % must be followed by two hexadecimal digits; write %25 for %"),
        ("file:a%ff", "`a%ff` is no UTF-8 text once decoded"),
        ("file:a%00b", "the path contains a NUL character"),
        ("file://host/a.db", "`file://host` names another machine; write file:host… for a path"),
    ])
    func `a DSN that cannot be obeyed says which part of it`(dsn: String, reason: String) {
        #expect {
            try DSN.parse(dsn)
        } throws: { error in
            (error as? InvalidSetting)?.reason.hasPrefix(reason) == true
        }
    }

    @Test(arguments: [
        "prof#1.db", "prof%41.db", "a?b.db", "a b.db", "a?_fk=off", "./file:x.db", "./:memory:", "pröf+.db",
    ])
    func `a path is never read as a URI`(path: String) throws {
        let file = try RegistryFileOptions(path: path)
        #expect(file.path == path)
        #expect(file.options == ConnectionOptions())
    }

    @Test(arguments: [
        (
            "file:x.db",
            "`file:x.db` is a DSN; use profile_registry_dsn (--profile-registry-dsn) for it, or ./file:x.db if the file is really named so"
        ),
        (":memory:", "`:memory:` keeps nothing; name a file (./:memory: is one of that name)"), ("", "names no file"),
        ("a\0b", "the path contains a NUL character"), ("data/", "`data/` is a directory; name a file in it"),
    ])
    func `a path that can be no file is refused`(path: String, reason: String) {
        #expect(throws: InvalidSetting(reason)) { try RegistryFileOptions(path: path) }
    }

    @Test(arguments: [
        ("cache=shared", "cache=shared has no effect: readers and the writer keep their own caches"),
        ("_txlock=deferred", "_txlock=deferred has no effect: every write begins immediate"),
        ("_sync=NORMAL", "_sync=NORMAL: acknowledged changes may be lost at a power failure; FULL keeps them"),
    ])
    func `what is accepted with a catch is said at start`(option: String, remark: String) throws {
        let loaded = try load(flags: flags { $0.profileRegistryDSN = "file:a.db?\(option)" })
        #expect(loaded.warnings.map(\.description) == ["--profile-registry-dsn: profile_registry_dsn: \(remark)"])
    }
}
