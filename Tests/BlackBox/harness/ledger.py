"""What clients were told about their writes, and whether the files agree after a crash.

A write is known by the profile it changes, the version it makes and a token that no other write uses. What was
acknowledged must be there; what was in flight may be there wholly or not at all.
"""

import contextlib
import itertools
import sqlite3
import threading

from .database import shell
from .profiles import PROFILES

TOKENS = itertools.count(1)


class Profile:
    """One profile's writes: the last acknowledged state, and those whose outcome nobody was told."""

    def __init__(self, tenant, slug):
        self.tenant = tenant
        self.slug = slug
        self.version = 0
        self.token = None
        self.acknowledged = {}
        self.open = {}

    def attempt(self):
        """The token of a write that is about to be sent, on top of the state known."""
        token = f"t{next(TOKENS)}"
        self.open[token] = self.version + 1
        return token

    def acknowledge(self, token, version):
        assert version == self.open.pop(token), f"{self.slug}: {token} became version {version}"
        self.version, self.token = version, token
        self.acknowledged[version] = token

    def refuse(self, token):
        """The answer says that nothing was changed."""
        del self.open[token]

    def settle(self, version, token):
        """What was found after a crash is the state from now on."""
        if token in self.open:
            self.acknowledged[version] = token
        self.open.clear()
        self.version, self.token = version, token


class Ledger:
    """All profiles of a run, by tenant and slug."""

    def __init__(self):
        self.lock = threading.Lock()
        self.profiles = {}

    def profile(self, tenant, slug):
        with self.lock:
            return self.profiles.setdefault((tenant, slug), Profile(tenant, slug))

    def forget(self, tenant, slug):
        with self.lock:
            self.profiles.pop((tenant, slug), None)

    @property
    def tenants(self):
        with self.lock:
            return sorted({tenant for tenant, _ in self.profiles})

    def of(self, tenant):
        with self.lock:
            return [profile for (owner, _), profile in self.profiles.items() if owner == tenant]


def fields(token):
    """A write's body carries its token twice, so that half of it would show."""
    return {"display_name": token, "description": token}


def check_served(gateway, profile):
    """The profile over HTTP after a crash: the acknowledged state, or one write in flight on top of it."""
    answer = gateway.client(profile.tenant).get(f"{PROFILES}/{profile.slug}")
    name = f"{profile.tenant}/{profile.slug}"
    if answer.status == 404:
        assert profile.version == 0, f"{name}: version {profile.version} was acknowledged and is gone"
        return profile.settle(0, None)
    assert answer.status == 200, f"{name}: {answer}"
    document = answer.json()
    token, version = document.get("display_name"), document["metadata"]["version"]
    if (version, token) != (profile.version, profile.token):
        assert profile.open.get(token) == version, (
            f"{name}: found version {version} with {token}; acknowledged {profile.version} with {profile.token}, "
            f"in flight {profile.open}"
        )
    assert document.get("description") == token, f"{name}: half a write: {document}"
    return profile.settle(version, token)


# What every committed change is: state, history, audit and registry time in one (gateway.md §6). Each query finds what
# breaks its rule.
WHOLE = {
    "a profile's state is its newest history row": """
        SELECT p.registry_slug, p.slug, p.version, p.revision FROM profiles p LEFT JOIN profile_history h
            ON h.registry_slug = p.registry_slug AND h.profile_slug = p.slug AND h.version = p.version
        WHERE h.document_json IS NOT p.document_json
            OR EXISTS (SELECT 1 FROM profile_history n WHERE n.registry_slug = p.registry_slug
                AND n.profile_slug = p.slug AND n.version > p.version)""",
    "a profile's versions are continuous": """
        SELECT registry_slug, profile_slug, count(*), min(version), max(version) FROM profile_history
        WHERE profile_slug <> '' GROUP BY 1, 2 HAVING count(*) <> max(version) - min(version) + 1""",
    # A restore is of no registry: the audit alone has it.
    "a history row has its audit row, and the other way round": """
        SELECT h.revision, h.registry_slug, h.profile_slug, h.version FROM profile_history h LEFT JOIN profile_audit a
            USING (revision, registry_slug, profile_slug, version, action) WHERE a.id IS NULL
        UNION ALL
        SELECT a.revision, a.registry_slug, a.profile_slug, a.version FROM profile_audit a LEFT JOIN profile_history h
            USING (revision, registry_slug, profile_slug, version, action) WHERE h.id IS NULL
            AND action <> 'restore'""",
    "a registry's time is not before its newest change": """
        SELECT r.slug, r.updated_at_ms, max(h.at_ms) FROM profile_registries r JOIN profile_history h
            ON h.registry_slug = r.slug GROUP BY 1 HAVING r.updated_at_ms < max(h.at_ms)""",
    "no revision is beyond the counter": """
        SELECT max(revision) FROM profile_history
        HAVING max(revision) > (SELECT value FROM gateway_meta WHERE key = 'revision')""",
    "what was deleted has no row": """
        SELECT h.registry_slug, h.profile_slug FROM profile_history h JOIN profiles p
            ON p.registry_slug = h.registry_slug AND p.slug = h.profile_slug
        WHERE h.document_json IS NULL AND h.version >= p.version""",
}


def check_file(database):
    """The file is sound, by the sqlite3 shell, and holds whole changes only; its history, {slug: {version: token}}."""
    assert shell(database, "PRAGMA integrity_check;") == [["ok"]], database
    with contextlib.closing(sqlite3.connect(database, timeout=10)) as connection:
        for rule, query in WHOLE.items():
            found = connection.execute(query).fetchall()
            assert found == [], f"{database}: it is not true that {rule}: {found[:5]}"
        history = {}
        for slug, version, token in connection.execute(
            "SELECT profile_slug, version, json_extract(document_json, '$.display_name') FROM profile_history"
            " WHERE registry_slug = 'default' AND profile_slug <> ''"
        ):
            history.setdefault(slug, {})[version] = token
        return history


def check_history(database, profiles):
    """Every acknowledged write of these profiles is in the history, as the version it was acknowledged as; how many."""
    history = check_file(database)
    for profile in profiles:
        versions = history.get(profile.slug, {})
        missing = {v: t for v, t in profile.acknowledged.items() if versions.get(v) != t}
        assert not missing, f"{database}: {profile.slug}: acknowledged and not in the history: {missing}"
    return sum(len(profile.acknowledged) for profile in profiles)
