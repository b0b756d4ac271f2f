"""Damaged files (gateway.md §6): set aside with their evidence, everyone else served, and back by a restore."""

import hashlib
import os
import pathlib
import subprocess

import pytest

from harness.backups import operator, restore, take
from harness.database import change, integrity, rows, shell
from harness.profiles import PROFILES, create, create_registry, read, refuses, slugs
from harness.waiting import within_a_second

ACME = "/admin/tenants/acme"
TENANTS = {"tenants": {"acme": {}, "beta": {}}}


def zero_pages(path, first, count):
    with open(path, "r+b") as file:
        file.seek(4096 * first)
        file.write(b"\0" * 4096 * count)


DAMAGE = {
    "a page": (lambda path: zero_pages(path, 1, 40), "damaged"),
    "truncated": (lambda path: os.truncate(path, 9000), "damaged"),
    "another application's": (lambda path: shell(path, "PRAGMA application_id=7"), "another application"),
    "a newer schema": (lambda path: shell(path, "PRAGMA user_version=99"), "newer version"),
    "zero length": (lambda path: os.truncate(path, 0), "empty"),
    "random": (lambda path: pathlib.Path(path).write_bytes(os.urandom(50000)), "damaged"),
}


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


@pytest.fixture
def two(start):
    gateway = start(config=TENANTS)
    create(gateway.client("acme"), "mine", display_name="Mine")
    return gateway


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("when", ["while it serves", "while it is stopped"])
def test_set_aside_alone_with_its_evidence_and_back_by_restore(two, kind, when):
    spoil, phrase = DAMAGE[kind]
    backup = take(operator(two), ACME)
    path = two.database("acme")
    if when == "while it is stopped":
        assert two.stop() == 0
        spoil(path)
        two.start()
        refused = two.client("acme").get(PROFILES)
    else:
        spoil(path)

        def refusal():
            answer = two.client("acme").get(PROFILES)
            return answer.status == 503 and phrase in answer.error["message"] and answer

        refused = within_a_second(refusal, "the damage is noticed")
    refuses(refused, 503, phrase)
    assert refused.headers["Retry-After"] and str(two.data) not in refused.error["message"]
    assert refused.error["code"] in ("tenant_quarantined", "newer_schema")
    evidence = digest(path)
    assert two.client("acme").patch(f"{PROFILES}/mine", {"display_name": "x"}).status == 503
    assert two.client("beta").patch(f"{PROFILES}/agent", {"display_name": "fine"}).status == 200
    assert digest(path) == evidence, "nothing damaged is overwritten"
    report = operator(two).get(f"{ACME}/verify").json()
    assert report["status"] == "failed" and report["checks"][0]["id"] == "state"

    kept = restore(operator(two), backup["name"], ACME)["kept"]
    assert read(two.client("acme"), "mine")["display_name"] == "Mine"
    assert two.client("acme").patch(f"{PROFILES}/mine", {"display_name": "again"}).status == 200
    old = [p for p in kept if pathlib.Path(p).name.startswith("profiles.db.replaced-") and p[-1].isdigit()]
    assert [digest(p) for p in old] == [evidence]
    assert two.stop() == 0 and integrity(path) == [["ok"]]


def test_an_encrypted_file_is_explained_and_nothing_is_made_of_it(two):
    path = two.database("acme")
    two.stop()
    subprocess.run(
        f"openssl enc -aes-256-ctr -pass pass:x -in '{path}' -out '{path}.enc' 2>/dev/null && mv '{path}.enc' '{path}'"
        f" && chmod 600 '{path}'",
        shell=True,
        check=True,
    )
    evidence = digest(path)
    two.start()
    refuses(two.client("acme").get(PROFILES), 503, "not a database")
    assert digest(path) == evidence


def test_a_damaged_row_takes_its_registry_only_and_comes_back_when_repaired(two):
    """D07, S36."""
    http = two.client("acme")
    create_registry(http, "team")
    create(http, "analyst", registry="team")
    path = two.database("acme")
    (good,) = rows(path, "SELECT document_json FROM profiles WHERE slug='analyst'")[0]
    change(path, "UPDATE profiles SET document_json='{\"slug\":' WHERE slug='analyst'")
    refused = within_a_second(
        lambda: (answer := http.get(f"{PROFILES}?registry=team")).status == 500 and answer, "the damage is noticed"
    )
    refuses(refused, 500, "table profiles", "row team/analyst", "column document_json")
    assert "mine" in slugs(http)
    refuses(http.patch(f"{PROFILES}/analyst?registry=team", {"display_name": "x"}), 500)
    assert rows(path, "SELECT document_json FROM profiles WHERE slug='analyst'") == [('{"slug":',)]
    change(path, "UPDATE profiles SET document_json=? WHERE slug='analyst'", good)
    within_a_second(lambda: http.get(f"{PROFILES}?registry=team").status == 200, "the repaired row is served")


def test_a_damaged_row_comes_back_by_restore(two):
    http, admin = two.client("acme"), operator(two)
    backup = take(admin, ACME)
    change(two.database("acme"), "UPDATE profiles SET document_json='[' WHERE slug='mine'")
    within_a_second(lambda: http.get(PROFILES).status == 500, "the damage is noticed")
    restore(admin, backup["name"], ACME)
    assert read(http, "mine")["display_name"] == "Mine"


def test_a_file_that_vanished_while_it_served_is_said_to_be_missing_and_restored(two):
    admin = operator(two)
    backup = take(admin, ACME)
    two.database("acme").unlink()
    within_a_second(lambda: two.client("acme").get(PROFILES).status == 503, "the loss is noticed")
    restore(admin, backup["name"], ACME)
    assert "mine" in slugs(two.client("acme"))
