"""What goes on in the gateway when it is killed: one small class per activity.

An activity works in threads of its own until the process is gone, and notes in the ledger what it was told. `begin` is
called before the round (for files that are to be found), `work` in each of its threads, and
`check` after the restart, beside what is checked of everything.
"""

import threading
import time

from .database import origin_document, write_origin_file
from .ledger import check_history, check_served, fields
from .profiles import PROFILES
from .wire import Cut


class Activity:
    threads = 1

    def __init__(self, gateway, ledger, chance):
        self.gateway = gateway
        self.ledger = ledger
        self.chance = chance
        self.stop = threading.Event()

    def begin(self, number):
        """Round `number` is about to begin."""

    def work(self, number):
        """Until `self.stop`, or until the process is gone (OSError, Cut)."""
        raise NotImplementedError

    def check(self):
        """What this activity alone promises, after the restart."""

    def wait_until_known(self, tenant):
        """A directory made by hand is seen within a second; the first answer comes from its opened file."""
        while self.gateway.client(tenant).get(PROFILES).status == 404 and not self.stop.is_set():
            time.sleep(0.02)

    # Writing ---------------------------------------------------------------------------------------------------

    def write(self, connection, profile, method, target, **body):
        """Sends one guarded write on a kept connection and notes its answer in the ledger."""
        client = self.gateway.client(profile.tenant)
        token = profile.attempt()
        body = {**fields(token), **body}
        connection.send(client.message(method, target, json=body, close=False))
        answer = connection.read_response(method, target)
        if answer.status in (200, 201):
            profile.acknowledge(token, answer.json()["metadata"]["version"])
        elif answer.status in (409, 412, 404):
            profile.refuse(token)
            raise AssertionError(f"{profile.tenant}/{profile.slug} has one writer only: {answer}")
        elif answer.status != 503 or answer.error["code"] == "commit_outcome_unknown":
            raise AssertionError(f"the disk is fine: {answer}")
        else:
            profile.refuse(token)

    def patch(self, connection, profile):
        self.write(connection, profile, "PATCH", f"{PROFILES}/{profile.slug}", expected_version=profile.version)

    def create(self, connection, profile):
        self.write(connection, profile, "POST", PROFILES, slug=profile.slug, expected_version=0)


class Patches(Activity):
    """One client that patches one profile after the other's answer: commits of one."""

    slug = "single"

    def work(self, number):
        profile = self.ledger.profile("default", self.slug)
        with self.gateway.client().connect() as connection:
            if profile.version == 0:
                self.create(connection, profile)
            while not self.stop.is_set():
                self.patch(connection, profile)


class Crowd(Activity):
    """Many clients at once, each with a profile of its own: their changes are committed in groups."""

    threads = 12

    def work(self, number):
        profile = self.ledger.profile("default", f"crowd-{number}")
        with self.gateway.client().connect() as connection:
            if profile.version == 0:
                self.create(connection, profile)
            while not self.stop.is_set():
                self.patch(connection, profile)


class Comings(Activity):
    """Creates and deletes one slug again and again: its versions go on counting."""

    def work(self, number):
        client = self.gateway.client()
        with client.connect() as connection:
            while not self.stop.is_set():
                profile = self.ledger.profile("default", f"comes-{self.chance.randrange(10**9)}")
                self.create(connection, profile)
                if profile.version == 0:
                    continue
                target = f"{PROFILES}/{profile.slug}?expected_version={profile.version}"
                # Whatever becomes of it, the create stays in the history.
                self.ledger.forget("default", profile.slug)
                connection.send(client.message("DELETE", target, close=False))
                answer = connection.read_response("DELETE", target)
                assert answer.status == 204, answer
                self.gone.append(profile.slug)

    def begin(self, number):
        self.gone = []

    def check(self):
        for slug in self.gone[-3:]:
            answer = self.gateway.client().get(f"{PROFILES}/{slug}")
            assert answer.status == 404, f"an acknowledged delete is undone: {answer}"


class IdleCheckpoints(Activity):
    """Bursts on tenants in turn: while one is written another's log is being moved into its file."""

    tenants = 12

    def work(self, number):
        for turn in range(10**9):
            tenant = f"idle-{turn % self.tenants}"
            with self.gateway.client(tenant).connect() as connection:
                profile = self.ledger.profile(tenant, "burst")
                if profile.version == 0:
                    self.create(connection, profile)
                for _ in range(2):
                    self.patch(connection, profile)
            if self.stop.wait(0.02):
                return

    def names(self):
        return [f"idle-{number}" for number in range(self.tenants)]


class FirstStarts(Activity):
    """Tenants that are made by their first request: file, schema and built-in profiles."""

    def begin(self, number):
        self.made = []

    def work(self, number):
        while not self.stop.is_set():
            tenant = f"new-{self.chance.randrange(10**9)}"
            directory = self.gateway.tenant_directory(tenant)
            directory.mkdir(mode=0o700, parents=True)
            self.made.append(tenant)
            self.wait_until_known(tenant)
            with self.gateway.client(tenant).connect() as connection:
                self.create(connection, self.ledger.profile(tenant, "x"))
            time.sleep(0.001)

    def check(self):
        for tenant in self.made[-4:]:
            _settle(self.gateway, self.ledger, tenant, {"agent", "default"})


class Takeovers(Activity):
    """Files of the origin, found when their tenant is first asked for, and taken over with a backup beside."""

    count = 6

    def begin(self, number):
        self.made = []
        for index in range(self.count):
            tenant = f"old-{number}-{index}"
            names = [f"p{n}" for n in range(20)]
            document = origin_document(default="p0", profiles=names)
            write_origin_file(self.gateway.database(tenant), {"default": document})
            self.made.append(tenant)

    def work(self, number):
        for tenant in self.made:
            self.wait_until_known(tenant)
            with self.gateway.client(tenant).connect() as connection:
                self.create(connection, self.ledger.profile(tenant, "x"))
            if self.stop.is_set():
                return

    def check(self):
        for tenant in self.made:
            _settle(self.gateway, self.ledger, tenant, {f"p{n}" for n in range(20)})
            backups = list(self.gateway.tenant_directory(tenant).glob("profiles.db.bak.*"))
            assert [path for path in backups if path.suffix != ".part"], f"{tenant} was taken over without a backup"


def _settle(gateway, ledger, tenant, profiles):
    """A tenant of one round only: complete, sound, and then forgotten, so that later rounds stay short."""
    answer = gateway.client(tenant).get(f"{PROFILES}")
    assert answer.status == 200, f"{tenant}: {answer}"
    found = {item["slug"] for item in answer.json()}
    assert found - {"x"} == profiles, f"{tenant}: half a start: {sorted(found)}"
    for profile in ledger.of(tenant):
        check_served(gateway, profile)
    check_history(gateway.database(tenant), ledger.of(tenant))
    for profile in ledger.of(tenant):
        ledger.forget(tenant, profile.slug)


def run(activity, number):
    """A thread's life: until it is told to stop or the process is gone. Anything else is a finding."""
    try:
        activity.work(number)
    except (OSError, Cut):
        return None
    except Exception as problem:
        return problem
    return None
