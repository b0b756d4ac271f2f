"""Versions, differences and rollback (gateway.md §5)."""

import re
import subprocess

import pytest

from harness.database import change, origin_document, write_origin_file
from harness.patching import applied
from harness.profiles import PROFILES, REGISTRIES, create, create_registry, prompted, read, refuses, version
from harness.waiting import eventually

HUGE = 2**64


def versions(http, slug="x", query=""):
    response = http.get(f"{PROFILES}/{slug}/versions{query}")
    assert response.status == 200, response
    return response.json()


def at(http, number, slug="x", query=""):
    response = http.get(f"{PROFILES}/{slug}/versions/{number}{query}")
    assert response.status == 200, response
    return response.json()


def diff(http, slug="x", query=""):
    response = http.get(f"{PROFILES}/{slug}/diff{query}")
    assert response.status == 200, response
    return response.json()


def roll_back(http, number, slug="x", expect=200, headers=None, **more):
    response = http.post(f"{PROFILES}/{slug}/rollback", {"version": number, **more}, headers=headers or {})
    assert response.status == expect, response
    return response


def name(http, text, slug="x"):
    response = http.patch(f"{PROFILES}/{slug}", {"display_name": text})
    assert response.status == 200, response
    return response


def next_page(response):
    link = re.fullmatch(r'<([^>]+)>; rel="next"', response.headers.get("Link", ""))
    return link and link.group(1)


@pytest.fixture
def x(http):
    """A profile with three versions: a, b, c."""
    create(http, "x", display_name="a")
    name(http, "b")
    name(http, "c")
    return http


# Versions ----------------------------------------------------------------------------------------------------------


def test_every_version_is_kept_newest_first(x):
    items = versions(x)
    assert [item["version"] for item in items] == [3, 2, 1]
    assert [item["document"]["display_name"] for item in items] == ["c", "b", "a"]
    assert [item["action"] for item in items] == ["update", "update", "create"]
    assert len({item["revision"] for item in items}) == 3
    assert all(item["registry"] == "default" and item["slug"] == "x" and not item["deleted"] for item in items)


def test_a_version_says_who_when_and_by_which_request(http):
    create(http, "x")
    answer = http.patch(f"{PROFILES}/x", {"display_name": "n"}, headers={"X-Request-Id": "told-by-me"})
    item = at(http, 2)
    assert item["request_id"] == "told-by-me" and item["source"] == "http-api"
    assert item["actor"] == answer.json()["metadata"]["updated_by"]
    assert item["at_ms"] == answer.json()["metadata"]["updated_at_ms"]


def test_the_document_is_the_one_that_was_read_then(http):
    create(http, "x", **prompted("one"), extensions={"a.b@v1": {"n": 1.10}})
    before = read(http, "x")
    http.patch(f"{PROFILES}/x", prompted("two"))
    document = at(http, 1)["document"]
    assert {**document, "is_default": False} == before
    assert at(http, 2)["document"]["runtime"]["system_prompt"] == "two"


def test_a_version_never_changes_and_says_so(x):
    first = x.get(f"{PROFILES}/x/versions/2")
    name(x, "d")
    assert x.get(f"{PROFILES}/x/versions/2").etag == first.etag
    again = x.get(f"{PROFILES}/x/versions/2", headers={"If-None-Match": first.etag})
    assert (again.status, again.body) == (304, b"")
    assert x.head(f"{PROFILES}/x/versions/2").status == 200


def test_the_tag_of_the_list_changes_with_it(x):
    first = x.get(f"{PROFILES}/x/versions")
    assert x.get(f"{PROFILES}/x/versions", headers={"If-None-Match": first.etag}).status == 304
    assert x.get(f"{PROFILES}/x/versions?limit=1").etag != first.etag
    name(x, "d")
    assert x.get(f"{PROFILES}/x/versions", headers={"If-None-Match": first.etag}).status == 200


def test_pages_follow_the_link_and_lose_nothing(http):
    create(http, "x", display_name="1")
    for number in range(2, 12):
        name(http, str(number))
    target, found = f"{PROFILES}/x/versions?limit=4", []
    while target:
        page = http.get(target)
        assert page.status == 200 and len(page.json()) <= 4, page
        found += [item["version"] for item in page.json()]
        target = next_page(page)
    assert found == list(range(11, 0, -1))


def test_a_change_of_default_is_no_version_of_the_profile(x):
    x.post(f"{PROFILES}/x/default")
    assert [item["version"] for item in versions(x)] == [3, 2, 1]


def test_a_patch_without_effect_is_no_version(x):
    name(x, "c")
    assert len(versions(x)) == 3


def test_a_slug_made_again_continues_its_history(x):
    assert x.delete(f"{PROFILES}/x").status == 204
    gone = at(x, 4)
    assert gone["deleted"] and gone["document"] is None and gone["action"] == "delete"
    assert [item["version"] for item in versions(x)] == [4, 3, 2, 1], "what was deleted can be read"
    assert version(create(x, "x", display_name="again")) == 5
    assert [(item["version"], item["deleted"]) for item in versions(x)] == [
        (5, False),
        (4, True),
        (3, False),
        (2, False),
        (1, False),
    ]


def test_the_history_of_a_registry_that_was_deleted_and_made_again(http):
    create_registry(http, "team")
    create(http, "x", registry="team", display_name="old")
    assert http.delete(f"{REGISTRIES}/team?force=true").status == 204
    assert [item["deleted"] for item in versions(http, query="?registry=team")] == [True, False]
    create_registry(http, "team")
    assert version(create(http, "x", registry="team")) == 3


def test_two_registries_have_two_histories(http):
    create_registry(http, "team")
    create(http, "x", registry="team", display_name="theirs")
    create(http, "x", display_name="ours")
    name(http, "ours again")
    assert [item["version"] for item in versions(http)] == [2, 1]
    assert [item["document"]["display_name"] for item in versions(http, query="?registry=team")] == ["theirs"]


def test_a_registry_has_a_history_of_its_own(http):
    http.patch(f"{REGISTRIES}/default", {"display_name": "Ours"})
    create(http, "x", set_default=True)
    items = http.get(f"{REGISTRIES}/default/versions").json()
    assert items[0]["document"]["default_profile_slug"] == "x"
    assert items[1]["document"]["display_name"] == "Ours"
    assert "slug" not in items[0] and items[-1]["action"] == "bootstrap"
    one = http.get(f"{REGISTRIES}/default/versions/{items[1]['version']}")
    assert one.status == 200 and one.json() == items[1]
    refuses(http.get(f"{REGISTRIES}/none/versions"), 404, "registry not found")
    refuses(http.get(f"{REGISTRIES}/none/versions/1"), 404, "registry not found")
    refuses(http.get(f"{REGISTRIES}/default/versions/999"), 404, 'registry "default" has no version 999')


def test_a_change_from_outside_is_in_the_history(fresh, http):
    change(
        fresh.database(), "UPDATE profiles SET document_json = json_set(document_json, '$.display_name', 'outside')"
        " WHERE slug = 'agent'",
    )  # fmt: skip
    eventually(lambda: len(versions(http, "agent")) == 2, "the change is adopted")
    newest = versions(http, "agent")[0]
    assert (newest["action"], newest["actor"]) == ("adopt", "sqlite")


def test_versions_survive_a_restart(fresh, http):
    create(http, "x", display_name="a")
    name(http, "b")
    before = http.get(f"{PROFILES}/x/versions")
    fresh.restart()
    after = fresh.client().get(f"{PROFILES}/x/versions")
    assert after.json() == before.json() and after.etag == before.etag


def test_a_damaged_version_hides_no_other(fresh, x):
    change(fresh.database(), "UPDATE profile_history SET document_json = '{' WHERE profile_slug = 'x' AND version = 2")
    items = versions(x)
    assert [item["version"] for item in items] == [3, 2, 1]
    assert "profile_history" in items[1]["damaged"] and items[1]["document"] is None
    refuses(x.get(f"{PROFILES}/x/versions/2"), 500, "profile_history", "default/x@2")
    assert at(x, 1)["document"]["display_name"] == "a"


def test_versions_of_another_tenant_are_its_own(guarded):
    acme, beta = (guarded.client(tenant=slug, key=guarded.environment["PROFILE_GATEWAY_OPERATOR_KEY"])
                  for slug in ("acme", "beta"))  # fmt: skip
    create(acme, "x", display_name="acme")
    refuses(beta.get(f"{PROFILES}/x/versions"), 404, "profile not found")
    assert next_page(acme.get(f"{PROFILES}/agent/versions?limit=1")) is None
    name(acme, "more")
    assert next_page(acme.get(f"{PROFILES}/x/versions?limit=1")).startswith("/t/acme/api/")


ROUTES = ["versions", "versions/1", "diff"]


@pytest.mark.parametrize("route", ROUTES)
def test_without_a_key_nothing_is_told(guarded, route):
    assert guarded.client(tenant="acme").get(f"{PROFILES}/agent/{route}").status == 401


@pytest.mark.parametrize("route", ROUTES)
def test_unknown_profiles_and_registries(lasting, route):
    refuses(lasting.get(f"{PROFILES}/none/{route}"), 404, "profile not found")
    refuses(lasting.get(f"{PROFILES}/agent/{route}?registry=none"), 404, "profile not found")
    refuses(lasting.get(f"{PROFILES}/NO%20SLUG/{route}"), 400)
    refuses(lasting.get(f"{PROFILES}/agent/{route}?registry=NO%20SLUG"), 400)


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.0", " 1", "1e3", HUGE, "9" * 40])
def test_versions_that_are_no_numbers(lasting, number):
    target = f"{PROFILES}/agent/versions/{number}".replace(" ", "%20")
    refuses(lasting.get(target), 400, param="version")
    for query in ("from", "to"):
        refuses(lasting.get(f"{PROFILES}/agent/diff?{query}={number}".replace(" ", "%20")), 400, param=query)


@pytest.mark.parametrize("number", [2, 2**31, 2**63 - 1, 2**63, HUGE - 1])
def test_versions_that_there_are_not(lasting, number):
    message = f'profile "agent" has no version {number}'
    refuses(lasting.get(f"{PROFILES}/agent/versions/{number}"), 404, message, param="version")
    refuses(lasting.get(f"{PROFILES}/agent/diff?to={number}"), 404, message)
    refuses(lasting.get(f"{PROFILES}/agent/diff?from={number}"), 404, message)
    refuses(lasting.post(f"{PROFILES}/agent/rollback", {"version": number}), 404, message)


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "after=0", "after=x", f"after={HUGE}"])
def test_pages_that_there_are_not(lasting, query):
    refuses(lasting.get(f"{PROFILES}/agent/versions?{query}"), 400, param=query.split("=")[0])


def test_wrong_methods(lasting):
    for route in ROUTES:
        answer = lasting.delete(f"{PROFILES}/agent/{route}")
        assert answer.status == 405 and "GET" in answer.headers["Allow"], answer
    assert lasting.get(f"{PROFILES}/agent/rollback").headers["Allow"] == "POST"


# Differences -------------------------------------------------------------------------------------------------------


def test_by_default_the_newest_is_compared_with_the_one_before(x):
    answer = diff(x)
    assert (answer["from"], answer["to"]) == (2, 3)
    assert {"op": "replace", "path": "/display_name", "value": "c"} in answer["patch"]
    assert '-  "display_name": "b",' in answer["text"] and '+  "display_name": "c",' in answer["text"]
    assert answer["text"].startswith("--- default/x@2\n+++ default/x@3\n@@ ")
    assert (diff(x, query="?to=2")["from"], diff(x, query="?from=1")["to"]) == (1, 3)


def test_the_patch_turns_one_document_into_the_other(http):
    middlewares = [{"name": "agentmode", "id": "one"}, {"name": "agentmode", "id": "two"}]
    create(http, "x", **prompted("one"), extensions={"a.b@v1": {"list": [1, 2, 3], "a/b": 1, "~": None}})
    http.patch(f"{PROFILES}/x", {"runtime": {"system_prompt": "two", "middlewares": middlewares}})
    http.patch(f"{PROFILES}/x", {"extensions": {"a.b@v1": {"list": [0, 1, 3], "~": {}}}})
    http.patch(f"{PROFILES}/x", {"runtime": {"middlewares": middlewares[1:]}})
    documents = {item["version"]: item["document"] for item in versions(http)}
    for old in documents:
        for new in documents:
            answer = diff(http, query=f"?from={old}&to={new}")
            assert applied(documents[old], answer["patch"]) == documents[new]
            assert (answer["patch"] == []) == (answer["text"] == "") == (old == new)


def test_the_text_is_one_that_patch_understands(x, tmp_path):
    def text(number):
        answer = diff(x, query=f"?from=4&to={number}")
        return "".join(line[1:] + "\n" for line in answer["text"].splitlines()[3:])

    x.delete(f"{PROFILES}/x")
    (tmp_path / "document").write_text(text(1))
    delta = diff(x, query="?from=1&to=3")["text"]
    done = subprocess.run(
        ["patch", str(tmp_path / "document")], input=delta, text=True, capture_output=True, timeout=30
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "document").read_text() == text(3)


def test_deletions_and_first_versions_are_compared_with_nothing(x):
    first = diff(x, query="?to=1")
    assert first["from"] is None and first["text"].startswith("--- /dev/null\n")
    assert first["patch"] == [{"op": "replace", "path": "", "value": at(x, 1)["document"]}]
    x.delete(f"{PROFILES}/x")
    gone = diff(x)
    assert (gone["from"], gone["to"]) == (3, 4)
    assert gone["patch"] == [{"op": "replace", "path": "", "value": None}]
    assert all(line[0] in "-+@" for line in gone["text"].splitlines())


def test_a_difference_has_a_tag(x):
    first = x.get(f"{PROFILES}/x/diff?from=1&to=2")
    assert x.get(f"{PROFILES}/x/diff?from=1&to=2", headers={"If-None-Match": first.etag}).status == 304
    assert x.get(f"{PROFILES}/x/diff?from=2&to=2").etag != first.etag


def test_two_documents_that_share_nothing_are_compared_in_time(http):
    create(http, "x", extensions={"a.b@v1": [f"a{number}" for number in range(40_000)]})
    http.patch(f"{PROFILES}/x", {"extensions": {"a.b@v1": [f"b{number}" for number in range(40_000)]}})
    answer = diff(http)
    assert applied(at(http, 1)["document"], answer["patch"]) == at(http, 2)["document"]


def test_large_documents_are_compared_in_bounds(http):
    def lists(digits):
        return {f"a.b{number}@v1": (digits * 1000)[number : number + 1000] for number in range(300)}

    create(http, "x", extensions=lists([0, 1, 2, 3, 4, 5, 6]))
    http.patch(f"{PROFILES}/x", {"extensions": lists([6, 4, 2, 0, 5, 3, 1, 7])})
    answer = diff(http)
    assert applied(at(http, 1)["document"], answer["patch"]) == at(http, 2)["document"]
    assert len(answer["patch"]) < 30_000


# Rollback ----------------------------------------------------------------------------------------------------------


def test_a_rollback_is_a_new_version_with_the_old_content(x):
    before = read(x, "x")
    answer = roll_back(x, 1)
    assert answer.etag == x.get(f"{PROFILES}/x").etag
    assert answer.json() == read(x, "x")
    assert answer.json()["display_name"] == "a" and version(answer.json()) == 4
    assert answer.json()["metadata"]["created_at_ms"] == before["metadata"]["created_at_ms"]
    assert at(x, 4)["action"] == "rollback"
    assert [item["version"] for item in versions(x)] == [4, 3, 2, 1]


def test_tags_and_all_parts_come_back(http):
    create(
        http,
        "x",
        description="d",
        metadata={"tags": ["one"]},
        policy={"allow_overrides": True, "allowed_override_keys": ["system_prompt"]},
        runtime={"system_prompt": "p", "tools": ["t"], "step_settings_patch": {"ai-chat": {"ai-engine": "e"}}},
        extensions={"a.b@v1": {"n": 1.10}},
        stack=[{"profile_slug": "default"}],
    )
    before = read(http, "x")
    http.put(f"{PROFILES}/x", {"slug": "x"})
    assert "stack" not in read(http, "x")
    after = roll_back(http, 1).json()
    for document in (before, after):
        for member in ("version", "updated_at_ms"):
            document["metadata"].pop(member)
    assert after == before


def test_a_rollback_to_the_content_it_has_changes_nothing(x):
    before = x.get(f"{PROFILES}/x")
    answer = roll_back(x, 3)
    assert (answer.json(), answer.etag) == (before.json(), before.etag)
    roll_back(x, 1)
    roll_back(x, 1)
    assert len(versions(x)) == 4


def test_a_guarded_rollback(x):
    stale = roll_back(x, 1, expect=409, expected_version=2)
    assert (stale.error["expected_version"], stale.error["current_version"]) == (2, 3)
    tag = x.get(f"{PROFILES}/x").etag
    roll_back(x, 1, expect=412, headers={"If-Match": '"r1-other"'})
    assert len(versions(x)) == 3
    roll_back(x, 1, expected_version=3, headers={"If-Match": tag})
    assert version(read(x, "x")) == 4


def test_a_deleted_profile_comes_back(x):
    x.delete(f"{PROFILES}/x")
    refuses(roll_back(x, 4, expect=409), 409, "deletion")
    roll_back(x, 2, expect=409, expected_version=3)
    answer = roll_back(x, 2, expect=201, expected_version=0)
    assert answer.json()["display_name"] == "b" and version(answer.json()) == 5
    assert read(x, "x")["is_default"] is False
    assert [item["version"] for item in versions(x)] == [5, 4, 3, 2, 1]


def test_a_deletion_is_nothing_to_go_back_to(x):
    x.delete(f"{PROFILES}/x")
    create(x, "x")
    refuses(roll_back(x, 4, expect=409), 409, "deletion", param="version")
    assert version(read(x, "x")) == 5


def test_the_only_profile_of_a_registry_comes_back_as_its_default(http):
    create_registry(http, "team")
    create(http, "x", registry="team")
    assert http.delete(f"{PROFILES}/x?registry=team").status == 204
    assert roll_back(http, 1, expect=201, registry="team").json()["is_default"] is True


def test_a_rollback_into_a_stack_that_no_longer_resolves_is_refused(http):
    create(http, "base")
    create(http, "x", stack=[{"profile_slug": "base"}])
    http.put(f"{PROFILES}/x", {"slug": "x"})
    assert http.delete(f"{PROFILES}/base").status == 204
    refuses(roll_back(http, 1, expect=400), 400, "stack")
    assert version(read(http, "x")) == 2


def test_a_rollback_into_a_cycle_is_refused(http):
    create(http, "base")
    create(http, "x", stack=[{"profile_slug": "base"}])
    http.put(f"{PROFILES}/x", {"slug": "x"})
    http.patch(f"{PROFILES}/base", {"stack": [{"profile_slug": "x"}]})
    refuses(roll_back(http, 1, expect=400), 400, "stack")
    assert "stack" not in read(http, "x")


def test_a_read_only_profile_is_not_rolled_back(http):
    create(http, "x", display_name="a")
    http.patch(f"{PROFILES}/x", {"display_name": "b", "policy": {"read_only": True}})
    refuses(roll_back(http, 1, expect=403), 403, "profile is read-only")
    assert version(read(http, "x")) == 2
    answer = roll_back(http, 1, headers={"X-Override-Read-Only": "true"})
    assert answer.json()["policy"]["read_only"] is False
    notes = [line.get("note") for line in http.get("/api/chat/audit?profile=x").json()]
    assert notes == ["override_read_only; rollback to version 1", None, None]


def test_the_past_is_judged_by_the_rules_of_today(start):
    """A literal key of the origin may stay where it is; it may not come back once it is gone."""
    gateway = start(started=False)
    literal = {"slug": "x", "runtime": {"step_settings_patch": {"openai-chat": {"openai-api-key": "sk-literal"}}}}
    write_origin_file(gateway.database(), {"default": origin_document(profiles={"x": literal, "default": {}})})
    http = gateway.start().client()
    number = version(read(http, "x"))
    shown = at(http, number)["document"]["runtime"]["step_settings_patch"]["openai-chat"]
    assert shown == {"openai-api-key": "***"}, "a version shows as little as a profile"
    assert "sk-literal" not in http.get(f"{PROFILES}/x/versions").text
    name(http, "renamed")
    roll_back(http, number)
    assert http.patch(f"{PROFILES}/x", {"runtime": {}}).status == 200
    assert "sk-literal" not in http.get(f"{PROFILES}/x/diff").text
    refuses(roll_back(http, number, expect=400), 400, "literal provider keys are not accepted")


@pytest.mark.parametrize(
    "body, param",
    [
        ({}, "version"),
        ({"version": 0}, "version"),
        ({"version": -1}, "version"),
        ({"version": "1"}, "version"),
        ({"version": 1.5}, "version"),
        ({"version": HUGE}, "version"),
        ({"version": None}, "version"),
        ({"version": 1, "expected_version": "1"}, "expected_version"),
        ({"version": 1, "more": 1}, "more"),
        ({"version": 1, "registry": 5}, "registry"),
        ([], None),
        (1, None),
    ],
    ids=str,
)
def test_bodies_of_a_rollback_are_strict(lasting, body, param):
    answer = refuses(lasting.post(f"{PROFILES}/agent/rollback", body), 400)
    if param:
        assert answer.error["param"] == param, answer
    assert version(read(lasting, "agent")) == 1


def test_a_rollback_needs_a_json_body(lasting):
    target = f"{PROFILES}/agent/rollback"
    refuses(lasting.post(target, body=b'{"version":1}', content_type="text/plain"), 415)
    refuses(lasting.post(target), 400)
    refuses(lasting.post(target, body=b'{"version":1,"version":1}', content_type="application/json"), 400)


def test_a_rollback_of_what_never_was(lasting):
    refuses(lasting.post(f"{PROFILES}/none/rollback", {"version": 1}), 404, "profile not found")
    refuses(lasting.post(f"{PROFILES}/agent/rollback", {"version": 1, "registry": "none"}), 404, "registry not found")


def test_a_rollback_is_guarded_where_the_tenant_asks_for_it(start):
    http = start(config={"tenants": {"default": {"require_preconditions": True}}}).client()
    refuses(http.post(f"{PROFILES}/agent/rollback", {"version": 1}), 428)
    assert http.post(f"{PROFILES}/agent/rollback", {"version": 1, "expected_version": 1}).status == 200


# Retention ---------------------------------------------------------------------------------------------------------


def test_what_is_too_much_is_forgotten_and_the_newest_stays(start):
    gateway = start(config={"history": {"max_versions": 5}, "audit": {"max_entries": 4}})
    http = gateway.client()
    create(http, "x", display_name="1")
    for number in range(2, 21):
        name(http, str(number))
    # The registry, `agent` and `default` have one version each.
    eventually(lambda: [item["version"] for item in versions(http)] == [20, 19], "old versions are forgotten")
    eventually(lambda: len(http.get("/api/chat/audit").json()) == 4, "old lines are forgotten")
    assert [item["version"] for item in versions(http, "agent")] == [1]
    refuses(http.get(f"{PROFILES}/x/versions/1"), 404, "has no version 1")
    refuses(roll_back(http, 1, expect=404), 404)
    assert next_page(http.get(f"{PROFILES}/x/versions?limit=2")) is None
    assert version(name(http, "21").json()) == 21
    gateway.restart()
    assert version(read(gateway.client(), "x")) == 21


@pytest.mark.parametrize(
    "setting",
    [
        {"history": {"max_versions": 0}},
        {"history": {"max_versions": "many"}},
        {"history": {"max_age": 30}},
        {"history": {"max_age": "0s"}},
        {"history": {"versions": 5}},
        {"audit": {"max_entries": -1}},
        {"audit": 5},
    ],
    ids=str,
)
def test_bounds_that_make_no_sense_are_refused(start, setting):
    code, output = start(started=False, config=setting).run()
    assert code != 0 and ("history" in output or "audit" in output), output
