import Gateway

/// What can be wrong, by what is seen: an error's code, a line of the log, or the troubleshooting rows of the seed.
struct RunbookAlarms {
    let all: [RunbookText.Alarm]

    init(_ place: Installation, options: String) {
        let gateway = ProgramName.current
        let tenant = " --tenant \(place.tenant)\(options)"
        let restore = "`\(gateway) backups\(tenant)`, then `\(gateway) restore\(tenant) --from …`"
        let verify = "`\(gateway) verify\(tenant)`"
        all = [
            .init(
                alarm: "the server does not start and names a process",
                meaning: "Another one owns \(place.dataDirectory); there is one owner at a time.",
                action: "Stop that process, or ask it: the commands of this page go to it by themselves."),
            .init(
                alarm: "the server refuses a file or directory for its mode, or because it is a link (unsafe_path)",
                meaning: "Others could write the data.",
                action: "chmod go-w it, or put the real file in its place."),
            .init(
                alarm: "table profile_registries is missing",
                meaning: "The file was not made by the gateway.",
                action: "Start the gateway once on it, or restore a backup: \(restore)."),
            .init(
                alarm: "503 registry_busy on changes; database is locked",
                meaning: "Another program holds \(place.registryFile) locked for longer than busy_timeout.",
                action: "End its transaction (`fuser \(ShellWord.quoted(place.registryFile))` names it); reads go on."),
            .init(
                alarm: "profiles look stale after a restore",
                meaning: "The backup is older than expected.",
                action: "Look at its time in `\(gateway) backups\(tenant)` and restore a newer one."),
            .init(
                alarm: "500 registry_damaged, naming table, row and column",
                meaning: "That row cannot be read; other registries can, and nothing was overwritten.",
                action: "Look at payload_json of that row; \(restore); make the wanted changes again."),
            .init(
                alarm: "503 tenant_quarantined; \"tenant quarantined\" in the log",
                meaning:
                    "The file is damaged, replaced by something else, or belongs to another time than its -wal. Other "
                    + "tenants are untouched, nothing was overwritten.",
                action: "\(verify) says which; \(restore). It serves again without a restart."),
            .init(
                alarm: "503 default_registry_unavailable; \"source cannot be used\" in the log",
                meaning:
                    "The tenant's last source is missing or unreadable, so nobody can tell which registry is meant where "
                    + "none is named. What names a registry goes on.",
                action: "\(verify) says what is wrong with the file; mend it, it is read again within a second."),
            .init(
                alarm: "503 commit_outcome_unknown",
                meaning: "The disk failed in the middle of a commit.",
                action: "Read the profile before repeating the change; look at the disk; then \(verify)."),
            .init(
                alarm: "503 storage_failed",
                meaning: "The disk refused a read or a write; the log says which. Nothing was changed.",
                action: "Look at the disk and at `dmesg`; then \(verify)."),
            .init(
                alarm: "503 file_in_use",
                meaning: "Another process of this program owns the registry file.",
                action: "Stop that process: the file \(place.registryFile).lock says which it is."),
            .init(
                alarm: "503 tenant_restoring",
                meaning: "A restore is putting another file in place.",
                action: "Nothing; it takes less than a second, and the answer says when to try again."),
            .init(
                alarm: "503 disk_full or storage_read_only",
                meaning: "Nothing was changed; reads go on.",
                action: "Make room on, or mount writable, the disk of \(place.dataDirectory); no restart is needed."),
            .init(
                alarm: "503 newer_schema",
                meaning: "A newer version of this program wrote the file.",
                action: "Use that version, or restore a backup made by this one: \(restore)."),
            .init(
                alarm: "a backup failed or is overdue (log; profile_gateway_backup_* of /metrics)",
                meaning: "The newest good backup is older than it should be; the log says why the last one failed.",
                action: "`\(gateway) backup\(tenant)` and read what it says; look at the room in \(place.backups)."),
            .init(
                alarm: "500 backup_failed",
                meaning: "The copy could not be made or is not what the file holds; earlier backups are as they were.",
                action: "Read its message: a damaged row or page wants \(restore); a full disk wants room."),
            .init(
                alarm: "422 backup_invalid",
                meaning: "The file that was to be restored is not what it should be; nothing was changed.",
                action: "Choose an older one: \(restore)."),
            .init(
                alarm: "409 stack_broken",
                meaning: "A profile is layered on one that is missing, or on itself: somebody edited the file.",
                action: "The message names the profile and the place; mend its stack. Other profiles are not affected."),
            .init(
                alarm: "files named *.foreign-… beside the registry file",
                meaning: "Side files of another state of the file were there at start; they were renamed, not deleted.",
                action: "If the data are as expected (\(verify)), remove them; else keep them and restore."),
            .init(
                alarm: "409 version_conflict or 412 precondition_failed",
                meaning: "Somebody changed the profile since it was read; nothing was lost.",
                action: "Read it again, or `\(gateway) profiles edit`: it shows both changes and asks."),
            .init(
                alarm: "403 policy_violation on chats",
                meaning: "A request asked for more than the profile's policy allows.",
                action: "`\(gateway) profiles resolve PROFILE --override …` names the rule and the layer that says so."),
        ]
    }
}
