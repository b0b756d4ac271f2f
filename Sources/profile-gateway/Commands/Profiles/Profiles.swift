import ArgumentParser

/// `profile-gateway profiles …`
struct Profiles: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profiles",
        abstract: "List, show, resolve, change, export and import a tenant's profiles, and undo changes.",
        discussion: """
            With a running server these commands ask it (its lock file in the data directory says where it is); without
            one they work on the data themselves. Both do the same.

            EXAMPLES:
              profile-gateway profiles list
              profile-gateway profiles show agent
              profile-gateway profiles resolve agent --override ai-chat.ai-temperature=0.9
              profile-gateway profiles edit agent
              profile-gateway profiles rollback agent 3
            """,
        subcommands: [
            ProfilesList.self, ProfilesShow.self, ProfilesResolve.self, ProfilesCreate.self, ProfilesEdit.self,
            ProfilesDelete.self, ProfilesHistory.self, ProfilesDiff.self, ProfilesRollback.self,
            ProfilesExport.self, ProfilesImport.self, ProfilesMigrateLegacy.self,
        ])
}
