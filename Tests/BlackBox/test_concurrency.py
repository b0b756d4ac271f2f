"""Many writers at once, and kill -9 at any moment: nothing acknowledged is lost (D09–D13, gateway.md §6)."""

import collections
import random
import threading
import time

import pytest

from harness.database import integrity
from harness.profiles import PROFILES, create, listed, read, slugs, version
from harness.waiting import eventually
from harness.wire import Cut


def together(count, work):
    """Runs `work(number)` in `count` threads that start at the same moment; their results in order."""
    gate = threading.Barrier(count)
    results = [None] * count

    def run(number):
        gate.wait()
        try:
            results[number] = work(number)
        except Exception as problem:  # a result like any other, for the assertion to see
            results[number] = problem

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


def test_of_50_parallel_creates_of_one_slug_one_wins(http):
    answers = together(50, lambda number: http.post(PROFILES, {"slug": "x", "display_name": f"n{number}"}))
    counted = collections.Counter(answer.status for answer in answers)
    assert counted == {201: 1, 409: 49}
    (winner,) = [answer for answer in answers if answer.status == 201]
    assert read(http, "x") == winner.json()
    assert version(winner.json()) == 1


def test_50_parallel_patches_of_different_fields_are_all_there(http):
    """Each member of `extensions` is a field of its own to a merge patch."""
    create(http, "x")
    answers = together(
        50,
        lambda number: http.patch(
            f"{PROFILES}/x",
            {"extensions": {f"field.number{number}@v1": number}},
            content_type="application/merge-patch+json",
        ),
    )
    assert [answer.status for answer in answers] == [200] * 50
    final = read(http, "x")
    assert final["extensions"] == {f"field.number{number}@v1": number for number in range(50)}
    assert version(final) == 51
    assert sorted(version(answer.json()) for answer in answers) == list(range(2, 52)), "each answer is its own write's"


def test_parallel_patches_of_different_top_level_fields_are_all_there(http):
    fields = [
        ("display_name", "Name"),
        ("description", "Text"),
        ("runtime", {"system_prompt": "p"}),
        ("policy", {"allow_overrides": True}),
        ("extensions", {"a.b@v1": 1}),
    ]
    for target in [f"x{number}" for number in range(10)]:
        create(http, target)
        answers = together(5, lambda n, target=target: http.patch(f"{PROFILES}/{target}", dict([fields[n]])))
        assert [answer.status for answer in answers] == [200] * 5
        final = read(http, target)
        assert (final["display_name"], final["description"], final["runtime"]["system_prompt"]) == ("Name", "Text", "p")
        assert final["policy"]["allow_overrides"] is True and final["extensions"] == {"a.b@v1": 1}
        assert version(final) == 6


def test_of_20_guarded_patches_one_wins(http):
    create(http, "x")
    answers = together(20, lambda n: http.patch(f"{PROFILES}/x", {"display_name": f"n{n}", "expected_version": 1}))
    assert collections.Counter(a.status for a in answers) == {200: 1, 409: 19}
    assert version(read(http, "x")) == 2


def test_a_failed_member_of_a_crowd_fails_alone(http):
    """Writes that wait together are committed together, each judged by itself."""
    create(http, "x")

    def work(number):
        if number % 3 == 0:
            return http.post(PROFILES, {"slug": "agent"})
        if number % 3 == 1:
            return http.patch(f"{PROFILES}/x", {"display_name": "n", "expected_version": 999})
        return http.post(PROFILES, {"slug": f"p{number}"})

    answers = together(60, work)
    assert collections.Counter(a.status for a in answers) == {409: 40, 201: 20}
    assert len(slugs(http)) == 23


def test_create_and_default_race(http):
    for number in range(20):
        create(http, f"p{number}")
    together(20, lambda n: http.post(f"{PROFILES}/p{n}/default"))
    defaults = [item["slug"] for item in listed(http) if item.get("is_default")]
    assert len(defaults) == 1
    assert http.get("/api/chat/registries/default").json()["default_profile_slug"] == defaults[0]


def test_a_write_is_visible_to_every_later_read(http):
    create(http, "x")
    for number in range(2, 60):
        assert http.patch(f"{PROFILES}/x", {"display_name": f"n{number}"}).status == 200
        seen = together(4, lambda _: (read(http, "x")["display_name"], slugs(http)))
        assert {name for name, _ in seen} == {f"n{number}"}


def test_readers_see_whole_states_while_writers_write(http):
    create(http, "x", display_name="0", description="0")
    stop = threading.Event()
    torn = []

    def reader():
        while not stop.is_set():
            document = read(http, "x")
            if not document["display_name"] == document["description"] == str(version(document) - 1):
                torn.append(document)

    threads = [threading.Thread(target=reader) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 100):
        http.patch(f"{PROFILES}/x", {"display_name": str(number), "description": str(number)})
    stop.set()
    for thread in threads:
        thread.join(30)
    assert torn == []


def test_a_client_that_hangs_up_never_leaves_half_a_write(fresh):
    """D10: in the origin memory and disk could part ways here."""
    http = fresh.client()
    create(http, "x")
    for number in range(100):
        connection = http.connect()
        connection.send(http.message("PATCH", f"{PROFILES}/x", json={"display_name": f"n{number}"}))
        connection.close()
    assert http.patch(f"{PROFILES}/x", {"description": "last"}).status == 200
    live = read(http, "x")
    fresh.restart()
    assert read(http, "x") == live


def test_a_busy_tenant_does_not_hold_up_another(start):
    gateway = start(config={"tenants": {"acme": {}}})
    http, acme = gateway.client(), gateway.client("acme")
    create(http, "x")
    stop = threading.Event()

    def load():
        while not stop.is_set():
            http.patch(f"{PROFILES}/x", {"display_name": str(time.monotonic())})

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(20):
            create(acme, f"p{number}")
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert len(slugs(acme)) == 22 and version(read(http, "x")) > 5


def test_many_tenants(start):
    names = [f"tenant-{number}" for number in range(60)]
    gateway = start(config={"tenants": {name: {} for name in names}})
    answers = together(60, lambda n: gateway.client(names[n]).post(PROFILES, {"slug": f"p{n}"}))
    assert [answer.status for answer in answers] == [201] * 60
    for number, name in enumerate(names):
        assert slugs(gateway.client(name)) == sorted(["agent", "default", f"p{number}"])


@pytest.mark.slow
def test_a_stop_in_the_middle_of_load_loses_nothing(start):
    """SIGTERM while writers write and chats stream: exit 0, no side files, every acknowledged version there."""
    gateway = start()
    http = gateway.client()
    create(http, "x")
    acknowledged = {"x": 1}
    for _ in range(5):
        stop = threading.Event()

        def write(stop=stop):
            while not stop.is_set():
                try:
                    answer = http.patch(f"{PROFILES}/x", {"display_name": f"at {time.monotonic()}"})
                except (OSError, Cut):
                    return
                if answer.status == 200:
                    acknowledged["x"] = max(acknowledged["x"], version(answer.json()))

        def chat(stop=stop):
            while not stop.is_set():
                try:
                    with http.stream("POST", "/chat", json={"prompt": "a b c d e f g", "stream": True}) as answer:
                        answer.body()
                except (OSError, Cut):
                    return

        threads = [threading.Thread(target=work) for work in [write] * 3 + [chat] * 3]
        before = acknowledged["x"]
        for thread in threads:
            thread.start()
        eventually(lambda before=before: acknowledged["x"] >= before + 10, "writes are under way")
        assert gateway.stop() == 0, gateway.log()
        stop.set()
        for thread in threads:
            thread.join(30)
        assert not list(gateway.data.rglob("*-wal")) and not list(gateway.data.rglob("*-shm"))
        gateway.start()
        assert version(read(http, "x")) >= acknowledged["x"]
    assert integrity(gateway.database()) == [["ok"]]


@pytest.mark.slow
def test_kill_9_twenty_times_during_patches(start):
    """Every acknowledged version is there after the restart, and the file is sound."""
    gateway = start()
    http = gateway.client()
    writers = [f"w{number}" for number in range(4)]
    for slug in writers:
        create(http, slug)
    acknowledged = {slug: 1 for slug in writers}
    chance = random.Random(20)
    for _ in range(20):
        stop = threading.Event()

        def write(slug, stop=stop):
            while not stop.is_set():
                try:
                    answer = http.patch(f"{PROFILES}/{slug}", {"display_name": f"at {time.monotonic()}"})
                except (OSError, Cut):
                    return
                if answer.status == 200:
                    acknowledged[slug] = version(answer.json())

        before = sum(acknowledged.values())
        threads = [threading.Thread(target=write, args=(slug,)) for slug in writers]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 20
        while sum(acknowledged.values()) < before + chance.randint(5, 60) and time.monotonic() < deadline:
            time.sleep(0.001)
        gateway.kill()
        stop.set()
        for thread in threads:
            thread.join(30)
        assert sum(acknowledged.values()) > before, "something was written in each round"
        gateway.start()
        for slug in writers:
            found = version(read(http, slug))
            assert found >= acknowledged[slug], f"{slug}: acknowledged {acknowledged[slug]}, found {found}"
            assert found <= acknowledged[slug] + 1, "at most the one write in flight may have been committed unheard"
            acknowledged[slug] = found
    assert integrity(gateway.database()) == [["ok"]]
    assert gateway.stop() == 0
    assert integrity(gateway.database()) == [["ok"]]
