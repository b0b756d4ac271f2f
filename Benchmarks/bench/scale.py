"""What a large registry and a long history cost: the same request in a tenant with much of either and in a small
one."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from statistics import median

from . import load, processes, seeding
from .comparisons import Outcome, Plan, rate, say
from .load import Load
from .processes import BenchmarkError, Server, call

SMALL, LARGE, STACKED, LONG = "small", "large", "stacked", "long"
FEW, MANY, REVISIONS = 10, 10_000, 1_000_000
BOUND = 1.5


class Scale:
    """Tenants of one gateway: 10 profiles, 10,000, 10,000 that are layered on one of them, and 10 profiles with a
    history of 1,000,000 revisions."""

    def __init__(self, binary: Path, directory: Path, plan: Plan):
        self.binary = binary
        self.directory = directory / "scale"
        self.data = self.directory / "data"
        self.plan = plan
        self.directory.mkdir()

    def measure(self) -> list[Outcome]:
        say(f"seeding {MANY:,} profiles, and {REVISIONS:,} revisions")
        self.seed()
        outcomes = []
        gateway = self.gateway()
        try:
            for name, kind in (
                (LARGE, f"{MANY:,} profiles"),
                (STACKED, f"{MANY:,} stacked profiles"),
                (LONG, f"{REVISIONS:,} revisions"),
            ):
                outcomes.append(self.compare(gateway, "GET", name, kind))
                outcomes.append(self.compare(gateway, "PATCH", name, kind))
            outcomes.append(self.history(gateway))
            size = self.database(LONG).stat().st_size / (1 << 20)
        finally:
            gateway.stop()
        return outcomes + self.starts(size)

    def compare(self, gateway: Server, method: str, name: str, kind: str) -> Outcome:
        """What a request costs there, divided by what it costs in the small tenant."""
        say(f"{method} with {kind}")
        measure = self.reads if method == "GET" else self.patches
        large, small = [], []
        for tenant in (SMALL, name):
            measure(gateway, tenant, 1)
        for _ in range(self.plan.repetitions):
            small.append(measure(gateway, SMALL, self.plan.seconds))
            large.append(measure(gateway, name, self.plan.seconds))
        values = [few.requests_per_second / many.requests_per_second for few, many in zip(small, large, strict=True)]
        note = f"{rate(large)} against {rate(small)} with {FEW} profiles"
        samples = {name: [vars(sample) for sample in large], SMALL: [vars(sample) for sample in small]}
        title = f"(e) cost of a {method} with {kind} / {FEW} profiles"
        return Outcome(title, "ratio", values, BOUND, at_most=True, note=note, samples=samples)

    def reads(self, gateway: Server, tenant: str, seconds: int) -> load.Sample:
        return load.run(Load("constant", self.path(tenant), connections=64), gateway.url, seconds)

    def patches(self, gateway: Server, tenant: str, seconds: int) -> load.Sample:
        status, document = call("GET", gateway.url + self.path(tenant))
        if status != 200:
            raise BenchmarkError(f"GET {self.path(tenant)} answers {status}")
        version = document["metadata"]["version"]
        return load.run(Load("patch", self.path(tenant), connections=1, arguments=(version,)), gateway.url, seconds)

    def history(self, gateway: Server) -> Outcome:
        """Reading the long history itself: a page of versions from its middle."""
        path = f"{self.path(LONG)}/versions?limit=20&after={REVISIONS // FEW // 2}"
        sample = load.run(Load("constant", path, connections=1), gateway.url, self.plan.seconds)
        note = f"{sample.requests_per_second:,.0f}/s, p99 {sample.p99_us:,.0f} µs"
        title = f"    a page of 20 versions among {REVISIONS:,}"
        return Outcome(title, "µs", [sample.p50_us], note=note, samples=vars(sample))

    def starts(self, megabytes: float) -> list[Outcome]:
        """From the start of the process to the first answer of a tenant."""
        say("starting")
        times: dict[str, list[float]] = {name: [] for name in (SMALL, LARGE, LONG)}
        for _ in range(self.plan.repetitions):
            for name, found in times.items():
                began = time.monotonic()
                gateway = self.gateway()
                try:
                    status, _ = call("GET", gateway.url + self.path(name))
                    found.append((time.monotonic() - began) * 1000)
                finally:
                    gateway.stop()
                if status != 200:
                    raise BenchmarkError(f"GET {self.path(name)} answers {status}")
        small = median(times[SMALL])
        notes = {SMALL: f"{FEW} profiles", LARGE: f"{MANY:,} profiles",
                 LONG: f"{REVISIONS:,} revisions, {megabytes:,.0f} MB"}  # fmt: skip
        return [
            Outcome(
                f"    start to first answer, {name} tenant",
                "ms",
                found,
                note=f"{notes[name]}; {median(found) - small:+.0f} ms against the small one",
            )
            for name, found in times.items()
        ]

    # Seeding ---------------------------------------------------------------------------------------------------

    def seed(self) -> None:
        gateway = self.gateway()
        try:
            base = gateway.url + "/api/chat/profiles"
            for number in range(FEW):
                seeding.create(base, f"profile-{number:03d}")
        finally:
            gateway.stop()
        for name in (SMALL, LARGE, STACKED, LONG):
            self.database(name).parent.mkdir(mode=0o700)
            shutil.copy(self.database("default"), self.database(name))
            self.database(name).chmod(0o600)
        self.add_profiles(LARGE)
        self.add_profiles(STACKED, stack="json_array(json_object('profile_slug', 'profile-005'))")
        self.add_revisions()
        # The first opening checks a file that somebody else has written; what is measured is an ordinary one.
        gateway = self.gateway()
        try:
            for name in (SMALL, LARGE, STACKED, LONG):
                status, _ = call("GET", gateway.url + self.path(name))
                if status != 200:
                    raise BenchmarkError(f"tenant {name} answers {status}")
        finally:
            gateway.stop()

    def add_profiles(self, tenant: str, stack: str = "") -> None:
        # The bootstrapped two are there too.
        numbers = f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {MANY - FEW - 2})"
        slug = "printf('more-%05d', n)"
        document = f"json_set(document_json, '$.slug', {slug})"
        if stack:
            document = f"json_set({document}, '$.stack', {stack})"
        with closing(sqlite3.connect(self.database(tenant))) as connection:
            connection.execute(
                f"{numbers} INSERT INTO profiles (registry_slug, slug, document_json, version, revision, updated_at_ms)"
                f" SELECT registry_slug, {slug}, {document}, version, revision, updated_at_ms FROM profiles, s"
                " WHERE slug = 'profile-000'"
            )
            connection.execute(
                f"{numbers} INSERT INTO profile_history (registry_slug, profile_slug, document_json, version, revision,"
                f" action, at_ms, actor, source, request_id) SELECT registry_slug, {slug}, {document}, version,"
                " revision, action, at_ms, actor, source, request_id FROM profile_history, s"
                " WHERE profile_slug = 'profile-000' AND action = 'update'"
            )
            connection.commit()
            (count,) = connection.execute("SELECT count(*) FROM profiles").fetchone()
        if count != MANY:
            raise BenchmarkError(f"the {tenant} registry has {count} profiles instead of {MANY}")

    def add_revisions(self) -> None:
        """Versions before the ones that are there, so that the profiles stay as they are."""
        each = REVISIONS // FEW
        with closing(sqlite3.connect(self.database(LONG))) as connection:
            connection.execute("PRAGMA cache_size = -200000")
            connection.execute("UPDATE profile_history SET version = version + ?1 WHERE profile_slug <> ''", (each,))
            for number in range(FEW):
                slug = f"profile-{number:03d}"
                connection.execute(
                    "UPDATE profiles SET version = version + ?1, revision = revision + 1, document_json ="
                    " json_set(document_json, '$.metadata.version', version + ?1) WHERE slug = ?2",
                    (each, slug),
                )
            # A copy: reading the table that is being filled would take the square of the time.
            connection.execute(
                "CREATE TEMP TABLE pattern AS SELECT * FROM profile_history"
                " WHERE profile_slug LIKE 'profile-%' AND action = 'update'"
            )
            numbers = f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {each})"
            connection.execute(
                f"{numbers} INSERT INTO profile_history (revision, registry_slug, profile_slug, version, action,"
                " document_json, at_ms, actor, source, request_id) SELECT n, registry_slug, profile_slug, n, action,"
                " document_json, at_ms, actor, source, request_id FROM s CROSS JOIN pattern"
            )
            connection.execute(
                f"{numbers} INSERT INTO profile_audit (revision, at_ms, actor, source, request_id, action,"
                " registry_slug, profile_slug, version) SELECT n, at_ms, actor, source, request_id, action,"
                " registry_slug, profile_slug, n FROM s CROSS JOIN pattern"
            )
            connection.commit()
            (count,) = connection.execute("SELECT count(*) FROM profile_history").fetchone()
        if count < REVISIONS:
            raise BenchmarkError(f"the long history has {count} revisions instead of {REVISIONS}")

    def gateway(self) -> Server:
        # No chat is sent, so nobody has to listen where the upstream would be.
        return processes.start_gateway(self.binary, self.data, 9, self.directory)

    def database(self, tenant: str) -> Path:
        return self.data / "tenants" / tenant / "profiles.db"

    def path(self, tenant: str) -> str:
        return f"/t/{tenant}/api/chat/profiles/profile-005"
