"""Registries mounted from files: precedence, reading only, following changes (origin §5.4, §6.3; D40–D42)."""

import os
import re

import pytest

from harness.database import change, origin_document, rows, write_origin_file
from harness.gateway import OPERATOR_KEY
from harness.profiles import PROFILES, REGISTRIES, create, read, refuses, slugs
from harness.waiting import within_a_second

PRIVATE = """\
slug: private
profiles:
  default: {runtime: {system_prompt: private default}}
  analyst: {runtime: {system_prompt: private analyst}, display_name: Mine}
"""


@pytest.fixture
def place(tmp_path):
    directory = tmp_path / "sources"
    directory.mkdir(mode=0o755)
    return directory


def write(path, text):
    """As `mv` does it: never half there."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.chmod(0o644)
    part.rename(path)


def config(place, *sources, **more):
    return {"source_directories": [str(place)], "tenants": {"default": {"sources": list(sources)}}, **more}


@pytest.fixture
def mounted(start, place):
    write(place / "private.yaml", PRIVATE)
    return start(config=config(place, f"yaml:{place}/private.yaml")).client()


def chat(http, **body):
    response = http.post("/chat", {"prompt": "hello", **body})
    assert response.status == 200, response
    return response.json()["runtime_key"]


def test_SC_3_the_top_source_wins_and_is_not_written(start, place):
    write_origin_file(place / "shared.db", {"shared": origin_document("shared", profiles=("default", "analyst"))})
    os.chmod(place / "shared.db", 0o644)
    write(place / "private.yaml", PRIVATE)
    http = start(config=config(place, f"sqlite:{place}/shared.db", f"yaml:{place}/private.yaml")).client()
    assert chat(http, profile="analyst") == "private/analyst"
    assert chat(http) == "private/default"
    assert chat(http, profile="analyst", registry="shared") == "shared/analyst"
    phrase = 'store is read-only: registry "private" is backed by read-only yaml:private.yaml'
    for response in (
        http.patch(f"{PROFILES}/analyst", {"display_name": "x"}),
        http.patch(f"{PROFILES}/analyst?registry=private", {"display_name": "x"}),
        http.put(f"{PROFILES}/analyst?registry=private", {"display_name": "x"}),
        http.delete(f"{PROFILES}/analyst?registry=private"),
        http.post(PROFILES, {"slug": "new", "registry": "private"}),
        http.post(f"{PROFILES}/analyst/default?registry=private", {}),
        http.patch(f"{REGISTRIES}/private", {"display_name": "x"}),
        http.delete(f"{REGISTRIES}/private?force=true"),
        http.post(REGISTRIES, {"slug": "private"}),
        http.post(f"{REGISTRIES}/private/import", body=PRIVATE.encode(), content_type="application/yaml"),
    ):
        refuses(response, 403, phrase)
        assert response.error["code"] == "read_only_source"
    # What is the tenant's own is written and seen as ever.
    assert http.patch(f"{PROFILES}/agent?registry=default", {"display_name": "Changed"}).status == 200
    assert read(http, "agent", "default")["display_name"] == "Changed"
    assert (place / "private.yaml").read_text() == PRIVATE


def test_SC_5_the_top_source_may_lack_a_profile_called_default(start, place):
    write(place / "top.yaml", "slug: top\nprofiles: {assistant: {}}")
    http = start(config=config(place, f"yaml:{place}/top.yaml")).client()
    assert chat(http) == "top/assistant"
    # A bare name is looked for in the default registry and nowhere else (gateway.md §7).
    refuses(http.post("/chat", {"prompt": "hello", "profile": "agent"}), 404, "profile not found: agent")
    assert chat(http, profile="agent", registry="default") == "default/agent"


def test_everything_that_reads_sees_them(mounted):
    http = mounted
    listed = {item["slug"]: item for item in http.get(REGISTRIES).json()}
    assert list(listed) == ["default", "private"]
    assert listed["private"]["source"] == "yaml:private.yaml" and listed["private"]["read_only"] is True
    assert "source" not in listed["default"]
    assert slugs(http) == ["analyst", "default"] == slugs(http, "?registry=private")
    assert read(http, "analyst")["registry"] == "private"
    assert http.get(f"{PROFILES}/analyst").etag == http.get(f"{PROFILES}/analyst?registry=private").etag
    unchanged = http.get(f"{PROFILES}/analyst", headers={"If-None-Match": http.get(f"{PROFILES}/analyst").etag})
    assert unchanged.status == 304
    names = [model["id"] for model in http.get("/v1/models").json()["data"]]
    assert names == ["default/agent", "default/default", "analyst", "default"]
    assert "private analyst" in http.get(f"{REGISTRIES}/private/export").text
    assert http.get("/api/chat/profile").json()["registry"] == "private"
    assert "private" not in http.get(f"{REGISTRIES}/export").text, "a bundle holds what can be imported again"


def test_profiles_may_be_layered_on_mounted_ones(mounted):
    stack = [{"registry_slug": "private", "profile_slug": "analyst"}]
    create(mounted, "mine", registry="default", stack=stack)
    resolved = mounted.post("/api/chat/resolve", {"registry": "default", "profile": "mine", "prompt": "x"}).json()
    assert resolved["effective"]["system_prompt"] == "private analyst"
    refuses(
        mounted.post(
            PROFILES,
            {"slug": "no", "registry": "default", "stack": [{"registry_slug": "private", "profile_slug": "x"}]},
        ),
        400,
        'referenced profile "x" not found in registry "private"',
    )


def test_a_mounted_registry_has_none_of_the_versions_its_deleted_namesake_had(start, place):
    gateway = start(config=config(place, f"yaml:{place}/private.yaml"))
    http = gateway.client()
    assert http.post(REGISTRIES, {"slug": "private"}).status == 201
    create(http, "analyst", registry="private", runtime={"system_prompt": "deleted"})
    create(http, "gone", registry="private")
    changed = http.patch(f"{PROFILES}/analyst?registry=private", {"display_name": "x"})
    assert changed.status == 200, changed
    assert http.delete(f"{REGISTRIES}/private?force=true").status == 204
    write(place / "private.yaml", PRIVATE)
    within_a_second(lambda: http.get(f"{REGISTRIES}/private").status == 200, "the file is followed")
    for path in (f"{PROFILES}/analyst/versions?registry=private", f"{REGISTRIES}/private/versions"):
        assert (http.get(path).status, http.get(path).json()) == (200, [])
    phrase = 'registry "private" is mounted from read-only yaml:private.yaml and has no versions'
    for path in (
        f"{PROFILES}/analyst/versions/1?registry=private",
        f"{PROFILES}/analyst/diff?registry=private",
        f"{PROFILES}/analyst/diff?registry=private&from=1&to=2",
        f"{REGISTRIES}/private/versions/1",
    ):
        assert refuses(http.get(path), 404, phrase).error["code"] == "version_not_found"
    for path in ("versions", "versions/1", "diff"):
        refuses(http.get(f"{PROFILES}/gone/{path}?registry=private"), 404, "profile not found")
    body = {"model": "private/analyst@1", "messages": [{"role": "user", "content": "x"}]}
    response = http.post("/v1/chat/completions", body)
    assert refuses(response, 404, "mounted from read-only yaml:private.yaml").error["code"] == "version_not_found"
    refuses(http.get("/v1/models/private/analyst@1"), 404, "mounted from read-only yaml:private.yaml")
    rollback = http.post(f"{PROFILES}/analyst/rollback", {"version": 1, "registry": "private"})
    assert refuses(rollback, 403, "store is read-only").error["code"] == "read_only_source"


def test_a_changed_file_is_followed_within_a_second(mounted, place):
    tag = mounted.get(REGISTRIES).etag
    write(place / "private.yaml", PRIVATE.replace("Mine", "Yours"))
    within_a_second(lambda: read(mounted, "analyst").get("display_name") == "Yours", "the file is followed")
    assert mounted.get(REGISTRIES).etag != tag
    # In place as well, and a profile that is gone is gone.
    with open(place / "private.yaml", "w") as file:
        file.write("slug: private\nprofiles: {default: {}}\n")
    within_a_second(lambda: slugs(mounted) == ["default"], "the file is followed")


def test_a_broken_file_leaves_the_last_good_state_and_says_so(start, place):
    write(place / "private.yaml", PRIVATE)
    gateway = start(config=config(place, f"yaml:{place}/private.yaml"))
    http = gateway.client()
    assert slugs(http) == ["analyst", "default"]
    good = http.get(f"{REGISTRIES}/private").etag
    write(place / "private.yaml", PRIVATE + "  third: {runtime: {tools: 7}}\n")

    def complaint():
        return http.get(f"{REGISTRIES}/private").json().get("source_error", "")

    def unless(tag, path=f"{REGISTRIES}/private"):
        return http.get(path, headers={"If-None-Match": tag}).status

    assert within_a_second(complaint, "the file is followed").startswith(
        "yaml:private.yaml, line 5: validation error ("
    )
    assert slugs(http) == ["analyst", "default"] and chat(http, profile="analyst") == "private/analyst"
    # Who asks with the tag of another word about the source gets this one.
    broken, listed = http.get(f"{REGISTRIES}/private").etag, http.get(REGISTRIES).etag
    assert unless(good) == 200 and unless(broken) == 304 and unless(listed, REGISTRIES) == 304
    (place / "private.yaml").unlink()
    within_a_second(lambda: "cannot be found" in complaint(), "the file is followed")
    assert unless(broken) == 200 and unless(listed, REGISTRIES) == 200
    assert slugs(http) == ["analyst", "default"]
    write(place / "private.yaml", PRIVATE)
    within_a_second(lambda: not complaint(), "the file is followed")
    assert http.get(f"{REGISTRIES}/private").etag == good, "a tag means the same content at all times"
    log = gateway.log()
    assert re.search(r'source cannot be used; what it last said stays.*"line":"5"', log)


def test_nobody_but_the_operator_is_told_where_a_source_lies(start, tmp_path):
    place = tmp_path / "my sources"
    place.mkdir(mode=0o755)
    write(place / "private.yaml", PRIVATE)
    gateway = start(operator_key=OPERATOR_KEY, config=config(place, f"yaml:{place}/private.yaml"))
    http = gateway.client("default", OPERATOR_KEY)
    assert slugs(http) == ["analyst", "default"]
    os.chmod(place / "private.yaml", 0o666)

    def complaint():
        return http.get(f"{REGISTRIES}/private").json().get("source_error", "")

    told = "private.yaml can be written by group or others; run: chmod go-w 'private.yaml'"
    assert within_a_second(complaint, "the file is followed") == f"yaml:private.yaml: {told}"
    assert "sources/" not in http.get(REGISTRIES).text and "sources/" not in http.get(f"{REGISTRIES}/private").text
    assert f"chmod go-w '{place}/private.yaml'" in verification(gateway)["sources"]["found"]
    assert f"chmod go-w '{place}/private.yaml'" in gateway.log()


def test_a_file_that_never_was_good_is_damage_with_its_line(start, place):
    write(place / "private.yaml", "slug: private\nprofiles:\n  a: {unknown: 1}\n")
    write(place / "broken.yaml", "slug: [")
    http = start(config=config(place, f"yaml:{place}/broken.yaml", f"yaml:{place}/private.yaml")).client()
    refuses(http.get(PROFILES), 500, "yaml:private.yaml", "line 3", "registry.profiles[a].unknown")
    assert str(place) not in http.get(PROFILES).text
    assert slugs(http, "?registry=default") == ["agent", "default"], "nothing else fails"
    write(place / "private.yaml", PRIVATE)
    within_a_second(lambda: http.get(PROFILES).status == 200, "the file is followed")


UNKNOWABLE = "the default registry is unavailable: yaml:top.yaml, which says which one that is, cannot be used now"


@pytest.mark.parametrize("text", [None, "slug: ["])
def test_while_the_last_source_is_unknown_nothing_answers_for_the_default_registry(start, place, text):
    write(place / "private.yaml", PRIVATE)
    if text:
        write(place / "top.yaml", text)
    gateway = start(config=config(place, f"yaml:{place}/private.yaml", f"yaml:{place}/top.yaml"))
    http = gateway.client()
    for response in (
        http.post("/chat", {"prompt": "hello"}),
        http.post("/chat", {"prompt": "hello", "profile": "analyst"}),
        http.post("/v1/chat/completions", {"model": "default", "messages": [{"role": "user", "content": "x"}]}),
        http.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
        http.post("/chat", {"prompt": "hello"}, headers={"Cookie": "chat_profile=analyst"}),
        http.get(PROFILES),
        http.get(f"{PROFILES}/default"),
        http.get("/api/chat/profile"),
        http.post(PROFILES, {"slug": "new"}),
        http.patch(f"{PROFILES}/agent", {"display_name": "x"}),
        http.delete(f"{PROFILES}/agent"),
    ):
        refuses(response, 503, UNKNOWABLE)
        assert response.error["code"] == "default_registry_unavailable"
        assert int(response.headers["Retry-After"]) > 0 and str(place) not in response.text
    # What is named goes on, to be read and to be written.
    assert chat(http, profile="analyst", registry="private") == "private/analyst"
    qualified = http.post("/chat", {"prompt": "x"}, headers={"Cookie": "chat_profile=private/analyst"})
    assert qualified.json()["runtime_key"] == "private/analyst"
    body = {"model": "private/analyst", "messages": [{"role": "user", "content": "x"}]}
    assert http.post("/v1/chat/completions", body).status == 200
    names = [model["id"] for model in http.get("/v1/models").json()["data"]]
    assert names == ["default/agent", "default/default", "private/analyst", "private/default"]
    create(http, "mine", registry="default")
    assert slugs(http, "?registry=default") == ["agent", "default", "mine"]
    write(place / "top.yaml", "slug: top\nprofiles: {assistant: {}}")
    within_a_second(lambda: http.get(PROFILES).status == 200, "the file is followed")
    assert chat(http) == "top/assistant"
    # What it once said holds on.
    (place / "top.yaml").unlink()
    within_a_second(lambda: "source_error" in http.get(f"{REGISTRIES}/top").json(), "the file is followed")
    assert chat(http) == "top/assistant"


def test_a_registry_of_the_same_name_is_not_served_twice(start, place):
    write(place / "one.yaml", "slug: default\nprofiles: {stranger: {}}")
    write(place / "two.yaml", "slug: two\nprofiles: {a: {}}")
    write(place / "three.yaml", "slug: two\nprofiles: {b: {}}")
    sources = [f"yaml:{place}/{name}.yaml" for name in ("one", "two", "three")]
    gateway = start(config=config(place, *sources))
    http = gateway.client()
    assert slugs(http, "?registry=default") == ["agent", "default"]
    assert slugs(http, "?registry=two") == ["a"]
    log = gateway.log()
    assert 'duplicate registry slug \\"default\\" across profile registry sources' in log


def test_only_files_in_the_operators_directories_are_read(start, place, tmp_path):
    secret = tmp_path / "elsewhere.yaml"
    write(secret, PRIVATE)
    (place / "link.yaml").symlink_to(secret)
    (place / "inside.yaml").symlink_to(place / "real.yaml")
    write(place / "real.yaml", PRIVATE)
    outside = [f"yaml:{secret}", f"yaml:{place}/../elsewhere.yaml", f"yaml:{place}/link.yaml"]
    gateway = start(config=config(place, *outside))
    assert [item["slug"] for item in gateway.client().get(REGISTRIES).json()] == ["default"]
    log = gateway.log()
    assert log.count("lies outside of source_directories") == 3
    # A link that stays inside is how configuration is often mounted.
    http = start(config=config(place, f"yaml:{place}/inside.yaml")).client()
    assert slugs(http) == ["analyst", "default"]


def test_a_source_is_never_one_of_the_gateways_own_files(start, tmp_path):
    gateway = start(started=False, operator_key=OPERATOR_KEY)
    own = gateway.database("other")
    gateway.config = {
        "source_directories": [str(tmp_path)],
        "tenants": {"other": {}, "default": {"sources": [f"sqlite:{own}"]}},
    }
    gateway.start()
    assert gateway.client("other", OPERATOR_KEY).get(REGISTRIES).status == 200
    http = gateway.client("default", OPERATOR_KEY)
    assert [item["slug"] for item in http.get(REGISTRIES).json()] == ["default"]


def test_another_name_of_one_of_the_gateways_own_files_is_no_source(start, place):
    gateway = start(started=False, operator_key=OPERATOR_KEY)
    gateway.config = config(place, f"sqlite:{place}/stolen.db", f"yaml:{place}/private.yaml")
    gateway.config["tenants"]["other"] = {}
    write(place / "private.yaml", PRIVATE)
    gateway.start()
    other, http = (gateway.client(tenant, OPERATOR_KEY) for tenant in ("other", "default"))
    assert other.post(REGISTRIES, {"slug": "secret"}).status == 201
    os.link(gateway.database("other"), place / "stolen.db")
    phrase = "stolen.db has 2 names (hard links)"
    assert [item["slug"] for item in http.get(REGISTRIES).json()] == ["default", "private"]
    within_a_second(lambda: phrase in verification(gateway)["sources"]["found"], "the file is followed")
    assert [item["slug"] for item in http.get(REGISTRIES).json()] == ["default", "private"]
    # Nor may a side file of a database be one.
    (place / "stolen.db").unlink()
    write_origin_file(place / "stolen.db", {"shared": origin_document("shared")})
    os.chmod(place / "stolen.db", 0o644)
    (place / "some.file").touch(mode=0o600)
    os.link(place / "some.file", place / "stolen.db-wal")
    phrase = "stolen.db-wal has 2 names (hard links)"
    within_a_second(lambda: phrase in verification(gateway)["sources"]["found"], "the file is followed")


def test_other_tenants_see_nothing_of_a_source(start, place):
    write(place / "private.yaml", PRIVATE)
    settings = config(place, f"yaml:{place}/private.yaml")
    settings["tenants"]["beta"] = {}
    gateway = start(operator_key=OPERATOR_KEY, config=settings)
    assert slugs(gateway.client("default", OPERATOR_KEY)) == ["analyst", "default"]
    beta = gateway.client("beta", OPERATOR_KEY)
    assert slugs(beta) == ["agent", "default"] and beta.get(f"{REGISTRIES}/private").status == 404


def test_D40_a_database_without_registries_keeps_nobody_from_starting(start, place):
    write_origin_file(place / "empty.db", {})
    os.chmod(place / "empty.db", 0o644)
    http = start(config=config(place, f"{place}/empty.db")).client()
    assert slugs(http) == ["agent", "default"] and chat(http) == "default/default"
    # What another program writes into it is followed.
    change(
        place / "empty.db",
        "INSERT INTO profile_registries VALUES ('late', ?, 1)",
        '{"slug":"late","default_profile_slug":"x","profiles":{"x":{}}}',
    )
    within_a_second(lambda: slugs(http) == ["x"], "the file is followed")
    assert rows(place / "empty.db", "SELECT count(*) FROM profile_registries") == [(1,)]


def test_D41_commas_belong_to_names_and_every_prefix_is_known(start, place):
    write(place / "a,b.yaml", "slug: comma\nprofiles: {a: {}}")
    write(place / "slashes", "slug: slashes\nprofiles: {a: {}}")
    write_origin_file(place / "dsn,x.db", {"dsn": origin_document("dsn")})
    os.chmod(place / "dsn,x.db", 0o644)
    sources = [f" {place}/a,b.yaml ", f"yaml://{place}/slashes", f"sqlite-dsn:file:{place}/dsn,x.db?_busy_timeout=100"]
    http = start(config=config(place, *sources)).client()
    assert [item["slug"] for item in http.get(REGISTRIES).json()] == ["comma", "default", "dsn", "slashes"]


def test_D42_a_source_keeps_its_default(start, place):
    write(place / "team.yaml", "slug: team\ndefault_profile_slug: zeta\nprofiles: {default: {}, zeta: {}}")
    http = start(config=config(place, f"yaml:{place}/team.yaml")).client()
    assert chat(http) == "team/zeta"


def test_a_source_others_may_write_is_not_trusted(start, place):
    write(place / "open.yaml", PRIVATE)
    os.chmod(place / "open.yaml", 0o666)
    gateway = start(config=config(place, f"yaml:{place}/open.yaml"))
    assert [item["slug"] for item in gateway.client().get(REGISTRIES).json()] == ["default"]


def verification(gateway, query=""):
    answer = gateway.client(key=OPERATOR_KEY).get(f"/admin/tenants/default/verify{query}")
    assert answer.status == 200, answer
    return {check["id"]: check for check in answer.json()["checks"]}


@pytest.mark.parametrize("query", ["", "?deep=true"])
def test_verify_knows_what_is_mounted_and_says_what_is_wrong_with_it(start, place, query):
    write(place / "private.yaml", PRIVATE)
    gateway = start(operator_key=OPERATOR_KEY, config=config(place, f"yaml:{place}/private.yaml"))
    http = gateway.client("default", OPERATOR_KEY)
    stack = [{"registry_slug": "private", "profile_slug": "analyst"}]
    create(http, "mine", registry="default", stack=stack)
    assert http.post(f"{PROFILES}/mine/default?registry=default", {}).status == 200
    checks = verification(gateway, query)
    assert [check for check in checks.values() if check["status"] == "failed"] == []
    assert checks["sources"]["status"] == "ok" and checks["stacks"]["found"] == "1 resolve"
    write(place / "private.yaml", PRIVATE + "  third: 7\n")
    found = within_a_second(
        lambda: (check := verification(gateway)["sources"])["status"] == "warning" and check["found"],
        "the file is followed",
    )
    assert f"{place}/private.yaml, line 5: " in found


def test_a_copy_for_verification_reads_none_of_the_originals_own_files(start, tmp_path):
    """The copy's gateway lives in the same process: closing a file there would drop SQLite's locks on it here."""
    gateway = start(started=False, operator_key=OPERATOR_KEY)
    own = gateway.database("other")
    gateway.config = {
        "source_directories": [str(tmp_path)],
        "tenants": {"other": {}, "default": {"sources": [f"yaml:{own}", f"{own}"]}},
    }
    gateway.start()
    assert gateway.client("other", OPERATOR_KEY).get(REGISTRIES).status == 200
    phrase = "lies where the gateway keeps its own data"
    within_a_second(lambda: phrase in verification(gateway)["sources"]["found"], "the file is followed")
    checks = verification(gateway, "?deep=true")
    assert phrase in checks["sources"]["found"]
    assert checks["deep.list"]["status"] == "ok"
