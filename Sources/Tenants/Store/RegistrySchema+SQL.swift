extension RegistrySchema {
    /// Version 1, each object only if it is missing, so that a dropped one comes back at the next open.
    ///
    /// The triggers mark what was edited by anything but this program (which always gives a changed row a new revision,
    /// and a changed registry a later time) with revision 0; the next open or refresh adopts it: new version, new
    /// revision, a history row.
    static let version1 = """
        CREATE TABLE IF NOT EXISTS profile_registries (
            slug TEXT PRIMARY KEY,
            payload_json TEXT NOT NULL,
            updated_at_ms INTEGER NOT NULL
        );
        CREATE TABLE IF NOT EXISTS profiles (
            registry_slug TEXT NOT NULL,
            slug TEXT NOT NULL,
            document_json TEXT NOT NULL,
            version INTEGER NOT NULL DEFAULT 0,
            revision INTEGER NOT NULL DEFAULT 0,
            updated_at_ms INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (registry_slug, slug)
        );
        CREATE TABLE IF NOT EXISTS profile_registry_state (
            slug TEXT PRIMARY KEY,
            revision INTEGER NOT NULL DEFAULT 0
        ) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS profile_history (
            id INTEGER PRIMARY KEY,
            revision INTEGER NOT NULL,
            registry_slug TEXT NOT NULL,
            profile_slug TEXT NOT NULL,
            version INTEGER NOT NULL,
            action TEXT NOT NULL,
            document_json TEXT,
            at_ms INTEGER NOT NULL,
            actor TEXT NOT NULL,
            source TEXT NOT NULL,
            request_id TEXT NOT NULL
        );
        CREATE UNIQUE INDEX IF NOT EXISTS profile_history_versions
            ON profile_history (registry_slug, profile_slug, version);
        CREATE TABLE IF NOT EXISTS profile_audit (
            id INTEGER PRIMARY KEY,
            revision INTEGER NOT NULL,
            at_ms INTEGER NOT NULL,
            actor TEXT NOT NULL,
            source TEXT NOT NULL,
            request_id TEXT NOT NULL,
            action TEXT NOT NULL,
            registry_slug TEXT NOT NULL,
            profile_slug TEXT NOT NULL,
            version INTEGER NOT NULL,
            note TEXT,
            client TEXT
        );
        CREATE TABLE IF NOT EXISTS gateway_meta (
            key TEXT PRIMARY KEY,
            value NOT NULL
        ) WITHOUT ROWID;
        CREATE TRIGGER IF NOT EXISTS profiles_edited_outside AFTER UPDATE OF document_json ON profiles
            WHEN NEW.revision = OLD.revision
        BEGIN
            UPDATE profiles SET revision = 0 WHERE registry_slug = NEW.registry_slug AND slug = NEW.slug;
        END;
        CREATE TRIGGER IF NOT EXISTS profile_registries_edited_outside AFTER UPDATE OF payload_json
            ON profile_registries WHEN NEW.updated_at_ms = OLD.updated_at_ms
        BEGIN
            UPDATE profile_registry_state SET revision = 0 WHERE slug = NEW.slug;
        END;
        CREATE TRIGGER IF NOT EXISTS profile_registries_deleted AFTER DELETE ON profile_registries
        BEGIN
            DELETE FROM profiles WHERE registry_slug = OLD.slug;
            DELETE FROM profile_registry_state WHERE slug = OLD.slug;
        END;
        \(documentsView)
        """

    /// Whole registries in the origin's shape, for the runbook's queries.
    static let documentsView = """
        CREATE VIEW IF NOT EXISTS profile_registry_documents (slug, payload_json, updated_at_ms) AS
            SELECT r.slug,
                CASE WHEN NOT json_valid(r.payload_json) THEN r.payload_json
                    WHEN NOT EXISTS (SELECT 1 FROM profiles p WHERE p.registry_slug = r.slug) THEN r.payload_json
                    ELSE json_set(r.payload_json, '$.profiles', (
                        SELECT json_group_object(p.slug,
                            CASE WHEN json_valid(p.document_json) THEN json(p.document_json) ELSE p.document_json END)
                        FROM profiles p WHERE p.registry_slug = r.slug))
                END,
                r.updated_at_ms
            FROM profile_registries r;
        """

    /// Files of earlier builds have an audit without the address a change came from.
    static let auditClient = "ALTER TABLE profile_audit ADD COLUMN client TEXT"

    /// A table of registries that was dropped is filled again from the history's last state of each.
    ///
    /// The history has a registry's own documents, not the counts and times that changes of its profiles brought: these
    /// must not go back, so the version becomes at least the number of changes there were: pruning leaves the last version
    /// of everything, and these add up to no less. Revision 0 has the registry adopted as one that was edited.
    static let recovery = """
        INSERT OR IGNORE INTO profile_registries (slug, payload_json, updated_at_ms)
            SELECT h.registry_slug,
                json_set(h.document_json, '$.metadata.version', max(h.version,
                    (SELECT CAST(total(last) AS INTEGER) FROM (
                        SELECT max(c.version) AS last FROM profile_history c
                        WHERE c.registry_slug = h.registry_slug GROUP BY c.profile_slug)))),
                (SELECT max(at_ms) FROM profile_history t WHERE t.registry_slug = h.registry_slug)
            FROM profile_history h
            WHERE h.profile_slug = '' AND h.document_json IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM profile_registries)
                AND h.version = (SELECT max(version) FROM profile_history l
                    WHERE l.registry_slug = h.registry_slug AND l.profile_slug = '');
        UPDATE profile_registry_state SET revision = 0;
        """
}
