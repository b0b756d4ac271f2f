import ArgumentParser

/// `profile-gateway web-chat`, the runbook's name for `serve`.
struct WebChat: ParsableCommand, ServerCommandLine {
    static let configuration = CommandConfiguration(
        commandName: "web-chat",
        abstract: "The same as serve, under the runbook's name.",
        discussion: """
            Give the registry file of the default tenant as a path or as a DSN, not both. Options of the DSN:
            _journal_mode (_journal), _busy_timeout (_timeout), _foreign_keys (_fk), _synchronous (_sync), _txlock,
            _query_only, _secure_delete, _locking_mode (_locking), _auto_vacuum (_vacuum), _cache_size, mode, cache,
            immutable; booleans are 0/no/false/off and 1/yes/true/on. An unknown option is refused.

            EXAMPLES:
              profile-gateway web-chat --profile-registry-db ./data/profiles.db
              profile-gateway web-chat \\
                --profile-registry-dsn "file:./data/profiles.db?_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=on"
            """)

    @OptionGroup var options: ConfigurationOptions
}
