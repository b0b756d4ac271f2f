import Gateway

/// The procedures: the seed's five steps with our commands, and the drill.
struct RunbookSteps {
    let all: [RunbookText.Step]

    init(_ place: Installation, options: String) {
        let gateway = ProgramName.current
        let file = ShellWord.quoted(place.registryFile)
        let tenant = " --tenant \(place.tenant)\(options)"
        let backup = ShellWord.quoted((place.registryFile.split(separator: "/").last ?? "") + ".bak.YYYYmmdd-HHMMSS")
        let api = "\(place.url)/t/\(place.tenant)"
        // curl spells a Unix socket otherwise.
        let curl =
            place.url.hasPrefix("unix:")
            ? "curl -s --unix-socket \(ShellWord.quoted(String(place.url.dropFirst(5)))) http://localhost/t/\(place.tenant)"
            : "curl -s \(api)"
        all = [
            .init(
                title: "Step 1: start with durable storage",
                text: "One process owns the data directory; a second one says whose it is and ends.",
                commands: ["\(gateway) config check\(options)", "\(gateway) serve\(options)"]),
            .init(
                title: "Step 2: check that the store is live",
                text: "A list of profiles with one default, not an error. With an operator key, curl needs "
                    + "-H \"Authorization: Bearer …\"; the commands of this machine need none.",
                commands: [
                    "\(gateway) profiles list\(tenant)", "\(gateway) verify\(tenant)",
                    "\(curl)/api/chat/profiles | jq .",
                ]),
            .init(
                title: "Step 3: back up before risky changes",
                text:
                    "While the server runs, from a snapshot, checked before it has its name. A plain copy of the file is a "
                    + "backup too, a second after the last change.",
                commands: [
                    "\(gateway) backup\(tenant)", "\(gateway) backups\(tenant)",
                    "cp \(file) \(file).bak.$(date +%Y%m%d-%H%M%S)",
                    "sqlite3 \(file) \"SELECT slug, updated_at_ms FROM profile_registries ORDER BY slug;\"",
                ]),
            .init(
                title: "Step 4: restore",
                text:
                    "With the server running or not; other tenants do not notice, and the old file is kept. By hand: stop "
                    + "the server, copy a known-good backup over the file, start it. Side files (-wal, -shm) may stay.",
                commands: [
                    "\(gateway) restore\(tenant) --from \(backup) --dry-run",
                    "\(gateway) restore\(tenant) --from \(backup)",
                ]),
            .init(
                title: "Step 5: check afterwards",
                text:
                    "The expected profiles and default; a stale change is refused with 409; chats by profile and by registry "
                    + "answer. `verify --deep` tries all of it on a copy.",
                commands: [
                    "\(gateway) verify\(tenant) --deep", "\(gateway) profiles list\(tenant)",
                    "\(gateway) profiles resolve agent\(tenant)",
                    "\(gateway) chat \"Say hello\" --profile agent\(tenant)",
                ]),
            .init(
                title: "Undo one change",
                text: "A single profile needs no restore: every version of it is kept.",
                commands: [
                    "\(gateway) profiles history agent\(tenant)", "\(gateway) profiles diff agent\(tenant)",
                    "\(gateway) profiles rollback agent 3\(tenant)",
                ]),
            .init(
                title: "Practise",
                text: "Restores the newest backup into a scratch tenant, checks it and says how long recovery took.",
                commands: ["\(gateway) drill\(tenant)", "\(gateway) drill --all\(options)"]),
            .init(
                title: "Security and permissions",
                text:
                    "Only the account that runs the gateway may write \(place.registryFile) and read its backups: prompts and "
                    + "policies are in them. Directories are 0700, files 0600; what others can write is refused. Keep the "
                    + "number and age of backups bounded.",
                commands: ["\(gateway) backup --all --keep 14 --max-age 30d\(options)"]),
        ]
    }
}
