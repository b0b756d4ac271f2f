"""The operator's work as activities: backups, restores and imports that a kill may interrupt."""

import hashlib
import itertools
import json
import subprocess
import time

from .activities import Activity
from .backups import directory, operator, restore, take, temporaries
from .gateway import BINARY, clean_environment
from .ledger import TOKENS, check_file, check_history
from .profiles import PROFILES, REGISTRIES


class Backups(Activity):
    """Backups one after the other beside a writer: each that has its name is whole, and has what was acknowledged."""

    threads = 2

    def begin(self, number):
        self.tenant = f"saved-{number}"
        self.gateway.tenant_directory(self.tenant).mkdir(mode=0o700, parents=True)
        self.taken = {}

    def work(self, number):
        self.wait_until_known(self.tenant)
        if number == 1:
            return self.back_up()
        profile = self.ledger.profile(self.tenant, "x")
        with self.gateway.client(self.tenant).connect() as connection:
            self.create(connection, profile)
            while not self.stop.is_set():
                self.patch(connection, profile)

    def back_up(self):
        where = f"/admin/tenants/{self.tenant}"
        while not self.stop.is_set():
            known = dict(self.ledger.profile(self.tenant, "x").acknowledged)
            self.taken[take(operator(self.gateway), where)["name"]] = known

    def check(self):
        place = directory(self.gateway, self.tenant)
        found = [path for path in place.glob("profiles.db.bak.*") if path.suffix not in (".json", ".part")]
        # Fourteen are kept, and one more may have been taken unheard.
        assert set(list(self.taken)[-13:]) <= {path.name for path in found}, "a backup that was acknowledged is gone"
        for path in found[-5:]:
            history = check_file(path)
            manifest = json.loads(path.with_name(path.name + ".json").read_text()) if path.name in self.taken else None
            assert manifest is None or manifest["bytes"] == path.stat().st_size
            missing = {v: t for v, t in self.taken.get(path.name, {}).items() if history.get("x", {}).get(v) != t}
            assert not missing, f"{path.name} lacks what was acknowledged before it: {missing}"
        # A later backup takes away what a dead one left.
        backup = take(operator(self.gateway), f"/admin/tenants/{self.tenant}")
        assert hashlib.sha256((place / backup["name"]).read_bytes()).hexdigest() == backup["sha256"]
        left = [name for name in temporaries(self.gateway) if f"/{self.tenant}/" in name]
        assert left == [], left
        check_history(self.gateway.database(self.tenant), self.ledger.of(self.tenant))
        self.ledger.forget(self.tenant, "x")


class Restores(Activity):
    """Writes, a backup, more writes, and the backup put back, again and again: the one file or the other, whole."""

    def begin(self, number):
        self.tenant = f"restored-{number}"
        self.gateway.tenant_directory(self.tenant).mkdir(mode=0o700, parents=True)
        self.saved = None
        self.restoring = False

    def work(self, number):
        self.wait_until_known(self.tenant)
        profile = self.ledger.profile(self.tenant, "x")
        where = f"/admin/tenants/{self.tenant}"
        with self.gateway.client(self.tenant).connect() as connection:
            self.create(connection, profile)
            while not self.stop.is_set():
                for _ in range(3):
                    self.patch(connection, profile)
                name = take(operator(self.gateway), where)["name"]
                self.saved = (profile.version, profile.token, dict(profile.acknowledged))
                for _ in range(3):
                    self.patch(connection, profile)
                self.restoring = True
                answer = operator(self.gateway).post(f"{where}/restore", {"from": name})
                assert answer.status == 200, answer
                self.return_to_saved(profile)
                self.restoring = False

    def return_to_saved(self, profile):
        profile.version, profile.token, known = self.saved
        profile.acknowledged = dict(known)

    def check(self):
        profile = self.ledger.profile(self.tenant, "x")
        answer = self.gateway.client(self.tenant).get(f"{PROFILES}/x")
        if answer.status == 200:
            document = answer.json()
            found = (document["metadata"]["version"], document.get("display_name"))
            if self.restoring and found == self.saved[:2]:
                self.return_to_saved(profile)
            elif found != (profile.version, profile.token):
                assert profile.open.get(found[1]) == found[0], (
                    f"{self.tenant}: neither the file before the restore nor the backup: {found}; "
                    f"acknowledged {profile.version} with {profile.token}, saved {self.saved and self.saved[:2]}"
                )
                profile.settle(*found)
        else:
            assert answer.status == 404 and profile.version == 0, answer
        check_history(self.gateway.database(self.tenant), [profile])
        # The next restore takes away what a dead one had only prepared.
        admin, where = operator(self.gateway), f"/admin/tenants/{self.tenant}"
        restore(admin, take(admin, where)["name"], where)
        left = [name for name in temporaries(self.gateway) if f"/{self.tenant}/" in name]
        assert left == [], f"an interrupted restore has left: {left}"
        self.ledger.forget(self.tenant, "x")


class Imports(Activity):
    """A whole registry replaced in one transaction, again and again: all of its profiles are of one import."""

    size = 40

    def begin(self, number):
        self.registry = f"imported-{number}"
        self.acknowledged = 0
        self.sent = 0

    def work(self, number):
        client = self.gateway.client()
        target = f"{REGISTRIES}/{self.registry}/import?mode=replace"
        with client.connect() as connection:
            while not self.stop.is_set():
                token = self.sent = next(TOKENS)
                fields = {"display_name": f"t{token}", "description": f"t{token}"}
                # The set of profiles changes too, so that removals are part of it.
                names = itertools.islice(itertools.count(token % 7), self.size)
                bundle = {"profiles": {f"p{n}": fields for n in names}}
                connection.send(client.message("POST", target, json=bundle, close=False))
                answer = connection.read_response("POST", target)
                assert answer.status == 200, answer
                self.acknowledged = token

    def check(self):
        answer = self.gateway.client().get(f"{PROFILES}?registry={self.registry}")
        if answer.status == 404:
            assert self.acknowledged == 0, answer
            return
        items = {item["slug"]: item["display_name"] for item in answer.json()}
        assert len(set(items.values())) == 1, f"half an import: {items}"
        token = int(next(iter(items.values()))[1:])
        assert set(items) == {f"p{n + token % 7}" for n in range(self.size)}, f"half an import: {items}"
        assert token in (self.acknowledged, self.sent), f"{token}, acknowledged {self.acknowledged}, sent {self.sent}"
        check_file(self.gateway.database())


class Migrations(Activity):
    """`profiles migrate-legacy --in-place`, killed at random moments: the old file or the new one, whole, and the old
    one's bytes beside a new one."""

    legacy = b"".join(b"p%d: {ai-chat: {ai-engine: e%d}, note: {text: %s}}\n" % (n, n, b"x" * 8000) for n in range(100))
    migrated = None
    seconds = 0.0

    def begin(self, number):
        self.place = self.gateway.directory / f"legacy-{number}"
        self.place.mkdir()
        self.file = self.place / "profiles.yaml"
        self.file.write_bytes(self.legacy)
        if Migrations.migrated is None:
            began = time.monotonic()
            Migrations.migrated = self.to_the_end("--dry-run")
            Migrations.seconds = time.monotonic() - began

    def work(self, number):
        while not self.stop.is_set():
            with self.spawn("--in-place") as process:
                # Mostly around its end, where it writes.
                self.stop.wait(self.seconds * self.chance.choice([self.chance.random(), self.chance.uniform(0.8, 1.3)]))
                process.kill()
            self.look()
            if self.file.read_bytes() == self.migrated:
                for backup in self.backups():
                    backup.unlink()
                self.file.write_bytes(self.legacy)

    def check(self):
        self.look()
        self.to_the_end("--in-place")
        assert self.file.read_bytes() == self.migrated
        self.look()

    def look(self):
        found = self.file.read_bytes()
        assert found in (self.legacy, self.migrated), f"half a file of {len(found)} bytes"
        kept = [path.read_bytes() for path in self.backups()]
        assert all(old in (self.legacy, self.migrated) for old in kept), f"half a backup: {[len(old) for old in kept]}"
        assert found == self.legacy or self.legacy in kept, "migrated without a backup"

    def backups(self):
        return list(self.place.glob("profiles.yaml.bak.*"))

    def spawn(self, *arguments):
        command = [str(BINARY), "profiles", "migrate-legacy", "--input", str(self.file), *arguments]
        return subprocess.Popen(
            command, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def to_the_end(self, *arguments):
        with self.spawn(*arguments) as process:
            output, _ = process.communicate()
        assert process.returncode == 0, output[-2000:]
        return output
