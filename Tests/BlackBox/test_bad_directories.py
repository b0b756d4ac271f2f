"""A tenant directory that is not as it should be: a clear error for that tenant, and for no other.

Permission bits do not bind root, so read-only and full are real mounts here; where mounting is not allowed these are
skipped.
"""

import errno
import os
import pathlib
import shutil
import subprocess

import pytest

from harness.database import integrity
from harness.ledger import check_file
from harness.load import Load
from harness.profiles import PROFILES, create, prompted, read, refuses, slugs
from harness.waiting import eventually


@pytest.fixture
def mounted():
    """Mounts tmpfs on a directory: mounted(path, size=…); unmounted at the end."""
    places = []

    def mount(path, options):
        pathlib.Path(path).mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"may not mount: {done.stderr.strip()}")
        places.append(path)

    yield mount
    for path in places:
        subprocess.run(["umount", "-l", str(path)], check=False)


@pytest.fixture
def two(start):
    """A stopped gateway with `default` and `acme`, whose directory exists and holds profile `mine`."""
    gateway = start(config={"tenants": {"acme": {}}})
    create(gateway.client("acme"), "mine")
    assert gateway.stop() == 0
    return gateway


def fill(path):
    """Writes until there is no room left."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        while os.write(descriptor, b"x" * 4096):
            pass
    except OSError as full:
        assert full.errno == errno.ENOSPC
    finally:
        os.close(descriptor)


def acme_is_refused(gateway, status=503):
    """acme is refused with a message, whatever it is asked; `default` works."""
    gateway.start()
    response = refuses(gateway.client("acme").get(PROFILES), status)
    assert gateway.client("acme").post(PROFILES, {"slug": "x"}).status in (500, 503, 403, 404)
    create(gateway.client(), "works")
    assert gateway.alive
    return response


def test_a_symbolic_link_as_a_tenant_directory(two, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.move(two.tenant_directory("acme"), elsewhere)
    two.tenant_directory("acme").symlink_to(elsewhere)
    before = sorted(os.listdir(elsewhere))
    response = acme_is_refused(two)
    assert "link" in response.error["message"].lower() or "link" in two.log().lower()
    assert sorted(os.listdir(elsewhere)) == before, "it is not followed"


def test_a_symbolic_link_as_the_database(two, tmp_path):
    target = tmp_path / "target.db"
    shutil.move(two.database("acme"), target)
    two.database("acme").symlink_to(target)
    acme_is_refused(two)


def test_a_dangling_link_as_the_database(two, tmp_path):
    two.database("acme").unlink()
    two.database("acme").symlink_to(tmp_path / "made-by-mistake.db")
    acme_is_refused(two)
    assert not (tmp_path / "made-by-mistake.db").exists()


@pytest.mark.parametrize("bits", [0o777, 0o770, 0o702])
def test_a_directory_that_others_can_write(two, bits):
    two.tenant_directory("acme").chmod(bits)
    response = acme_is_refused(two)
    assert "writ" in (response.error["message"] + two.log()).lower()


def test_the_directory_repaired_is_served_without_a_restart(two):
    two.tenant_directory("acme").chmod(0o777)
    acme_is_refused(two)
    two.tenant_directory("acme").chmod(0o700)
    eventually(lambda: two.client("acme").get(PROFILES).status == 200, "the tenant opens once the directory is right")
    assert "mine" in slugs(two.client("acme"))


def test_a_file_in_the_directorys_place(two):
    shutil.rmtree(two.tenant_directory("acme"))
    two.tenant_directory("acme").write_text("a file")
    two.spawn()
    eventually(lambda: not two.alive or two.listens(), "an end or an answer")
    if two.alive:
        assert two.client("acme").get(PROFILES).status in (404, 503)
        assert slugs(two.client()) == ["agent", "default"]
    assert two.tenant_directory("acme").read_text() == "a file"


def test_a_directory_in_the_databases_place(two):
    two.database("acme").unlink()
    two.database("acme").mkdir()
    acme_is_refused(two)


def test_a_read_only_directory(two, mounted, tmp_path):
    """Reads may work or not; writes are refused with a clear error and nothing is half done."""
    copy = tmp_path / "copy"
    shutil.copytree(two.tenant_directory("acme"), copy)
    mounted(two.tenant_directory("acme"), "size=4m,mode=0700")
    for file in copy.iterdir():
        shutil.copy2(file, two.tenant_directory("acme"))
    subprocess.run(["mount", "-o", "remount,ro", str(two.tenant_directory("acme"))], check=True)
    two.start()
    response = two.client("acme").post(PROFILES, {"slug": "x"})
    assert response.status in (500, 503), response
    assert response.error["message"]
    create(two.client(), "works")
    assert two.stop() == 0


def test_a_disk_that_becomes_read_only_while_serving(two, mounted, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(two.tenant_directory("acme"), copy)
    mounted(two.tenant_directory("acme"), "size=4m,mode=0700")
    for file in copy.iterdir():
        shutil.copy2(file, two.tenant_directory("acme"))
    two.start()
    acme = two.client("acme")
    before = read(acme, "mine")
    done = subprocess.run(
        ["mount", "-o", "remount,ro", str(two.tenant_directory("acme"))], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"files open for writing keep it writable: {done.stderr.strip()}")
    assert acme.patch(f"{PROFILES}/mine", {"display_name": "n"}).status in (500, 503)
    assert read(acme, "mine") == before


def test_a_full_disk(two, mounted, tmp_path):
    """D09: a write that failed must not be seen, and must succeed once there is room."""
    copy = tmp_path / "copy"
    shutil.copytree(two.tenant_directory("acme"), copy)
    mounted(two.tenant_directory("acme"), "size=3m,mode=0700")
    for file in copy.iterdir():
        shutil.copy2(file, two.tenant_directory("acme"))
    two.start()
    acme = two.client("acme")
    read(acme, "mine")
    filler = two.tenant_directory("acme") / "filler"
    written = []
    fill(filler)
    refused = None
    for number in range(200):
        response = acme.post(PROFILES, {"slug": f"p{number}", **prompted("y" * 20_000)})
        if response.status != 201:
            refused = response
            break
        written.append(f"p{number}")
    assert refused is not None and refused.status in (503, 507), refused
    assert "full" in refused.error["message"].lower() or "space" in refused.error["message"].lower(), refused
    assert slugs(acme) == sorted(["agent", "default", "mine", *written]), "what failed is not seen, what succeeded is"
    create(two.client(), "works")
    filler.unlink()
    eventually(lambda: acme.post(PROFILES, {"slug": "after"}).status in (201, 409), "writes succeed once there is room")
    two.restart()
    assert slugs(acme) == sorted(["after", "agent", "default", "mine", *written])
    assert two.stop() == 0
    assert integrity(two.database("acme")) == [["ok"]]


@pytest.mark.slow
def test_D09_a_disk_that_fills_up_while_clients_write(two, mounted, tmp_path):
    """Writes are refused and reads go on; with room again everything goes on, and nothing acknowledged is lost."""
    copy = tmp_path / "copy"
    shutil.copytree(two.tenant_directory("acme"), copy)
    mounted(two.tenant_directory("acme"), "size=3m,mode=0700")
    for file in copy.iterdir():
        shutil.copy2(file, two.tenant_directory("acme"))
    two.start()
    with Load(two, "acme", padding=20_000) as load:
        for _ in range(3):
            load.refusals.clear()
            filler = two.tenant_directory("acme") / "filler"
            fill(filler)
            refused = load.wait_for_refusal()
            assert refused.error["code"] == "disk_full", refused
            create(two.client(), f"works-{len(load.acknowledged)}")
            filler.unlink()
            load.wait_for(8)
    assert {status for _, _, status in load.reads} == {200}
    assert two.stop() == 0
    assert load.missing(check_file(two.database("acme"))) == []


def test_a_full_disk_for_a_new_tenant(start, mounted):
    gateway = start(started=False, config={"tenants": {"acme": {}}})
    place = gateway.tenant_directory("acme")
    mounted(place, "size=8k,mode=0700")
    fill(place / "filler")
    gateway.start()
    assert gateway.client("acme").get(PROFILES).status in (500, 503)
    create(gateway.client(), "works")


def test_the_data_directory_itself_may_be_a_link(start, tmp_path):
    """It is resolved to its real path first; only inside it no link is followed."""
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    gateway = start(started=False)
    gateway.data.symlink_to(real)
    gateway.start()
    create(gateway.client(), "x")
    assert (real / "tenants/default/profiles.db").exists()


def test_a_data_directory_that_is_a_file(start):
    gateway = start(started=False)
    gateway.data.write_text("not a directory")
    code, output = gateway.run()
    assert code != 0 and "data" in output
