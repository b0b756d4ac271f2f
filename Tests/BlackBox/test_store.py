"""What is stored stays stored (origin §8.4, cases SQ; gateway.md §6)."""

import json

import pytest

from harness.database import change, mode, origin_document, rows, shell, write_origin_file
from harness.profiles import (
    PROFILES,
    REGISTRIES,
    create,
    create_registry,
    listed,
    prompted,
    read,
    refuses,
    slugs,
    version,
)
from harness.waiting import eventually, within_a_second

S17 = "SELECT slug, updated_at_ms FROM profile_registries ORDER BY slug;"


def test_SQ_1_a_created_profile_survives_a_restart(fresh):
    http = fresh.client()
    create(
        http,
        "x",
        display_name="Name",
        runtime={"system_prompt": "p", "tools": ["t"]},
        policy={"allow_overrides": True, "allowed_override_keys": ["tools"]},
        set_default=True,
    )
    before = read(http, "x"), listed(http)
    fresh.restart()
    assert (read(http, "x"), listed(http)) == before
    assert version(before[0]) == 1


def test_SQ_2_guarded_patches(http):
    create(http, "analyst")
    assert version(http.patch(f"{PROFILES}/analyst", {"display_name": "2", "expected_version": 1}).json()) == 2
    refuses(
        http.patch(f"{PROFILES}/analyst", {"display_name": "3", "expected_version": 1}),
        409,
        'profile "analyst" version conflict: expected=1 actual=2',
    )


def test_SQ_3_the_registrys_version_grows_with_a_change_of_default(http):
    number = http.get(f"{REGISTRIES}/default").json()["version"]
    refuses(http.post(f"{PROFILES}/agent/default", {"expected_version": number + 100}), 409)
    assert http.post(f"{PROFILES}/agent/default", {"expected_version": number}).status == 200
    assert http.get(f"{REGISTRIES}/default").json()["version"] > number
    assert version(read(http, "agent")) == 1, "the profile itself did not change"


def test_SQ_5_a_second_start_bootstraps_nothing(fresh):
    http = fresh.client()
    before = listed(http)
    fresh.restart()
    assert listed(http) == before


@pytest.mark.case("SQ-6", "SQ-7")
@pytest.mark.parametrize(
    "payload, phrase",
    [
        pytest.param('{"slug":"team","profiles":{"a":', "payload_json", id="SQ-6 truncated"),
        pytest.param(json.dumps(origin_document("other")), "slug mismatch", id="SQ-7 another slug"),
        pytest.param("", "payload_json", id="empty"),
        pytest.param("[]", "payload_json", id="a list"),
    ],
)
def test_a_damaged_row_of_an_origin_file_breaks_its_registry_alone(start, payload, phrase):
    gateway = start(started=False)
    write_origin_file(gateway.database(), {"default": origin_document(), "team": payload})
    http = gateway.start().client()
    assert slugs(http) == ["default"]
    response = refuses(http.get(f"{PROFILES}?registry=team"), 500, "profile_registries", "team", phrase)
    assert str(gateway.directory) not in response.text, "it never says where the file lies"
    refuses(http.post(PROFILES, {"slug": "x", "registry": "team"}), 500)
    create(http, "works")
    assert rows(gateway.database(), "SELECT payload_json FROM profile_registries WHERE slug='team'") == [(payload,)]
    gateway.restart()
    assert slugs(http) == ["default", "works"]
    assert http.get(f"{PROFILES}?registry=team").status == 500


def test_SQ_8_a_changed_default_and_name_survive_a_restart(fresh):
    http = fresh.client()
    create(http, "x")
    http.patch(f"{PROFILES}/x", {"display_name": "Updated"})
    http.post(f"{PROFILES}/x/default")
    fresh.restart()
    assert read(http, "x")["display_name"] == "Updated" and read(http, "x")["is_default"] is True
    assert version(read(http, "x")) == 2


@pytest.mark.parametrize("form", ["db", "dsn"])
def test_SQ_11_missing_directories_are_made(start, form):
    """D44: the origin made them for the path form only."""
    gateway = start(started=False)
    path = "./deep/er/profiles.db"
    flag = (
        ["--profile-registry-db", path]
        if form == "db"
        else ["--profile-registry-dsn", f"file:{path}?_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=on"]
    )
    gateway.arguments = ["web-chat", "--listen", gateway.listen, *flag]
    gateway.start()
    assert slugs(gateway.client()) == ["agent", "default"]
    assert (gateway.directory / "deep/er/profiles.db").exists()
    assert mode(gateway.directory / "deep/er/profiles.db") == "0o600"
    assert mode(gateway.directory / "deep/er") == "0o700"


def test_SQ_12_the_runbooks_query_while_the_server_runs(fresh):
    http = fresh.client()
    create_registry(http, "team")
    before = shell(fresh.database(), S17)
    assert [slug for slug, _ in before] == ["default", "team"]
    http.patch(f"{PROFILES}/agent", {"display_name": "Changed"})
    after = shell(fresh.database(), S17)
    assert int(after[0][1]) > int(before[0][1]), "updated_at_ms advances on every change"
    assert after[1] == before[1], "and only for the registry that changed"


def test_updated_at_advances_on_every_kind_of_change(fresh):
    http = fresh.client()
    stamp = int(shell(fresh.database(), S17)[0][1])
    for change_it in (
        lambda: create(http, "x"),
        lambda: http.patch(f"{PROFILES}/x", {"display_name": "n"}),
        lambda: http.post(f"{PROFILES}/x/default"),
        lambda: http.delete(f"{PROFILES}/x?new_default=default"),
        lambda: http.patch(f"{REGISTRIES}/default", {"display_name": "n"}),
    ):
        change_it()
        now = int(shell(fresh.database(), S17)[0][1])
        assert now > stamp
        stamp = now


def test_the_columns_of_profile_registries(fresh):
    columns = rows(fresh.database(), "SELECT name, type, \"notnull\", pk FROM pragma_table_info('profile_registries')")
    assert [(n, t, pk) for n, t, _, pk in columns] == [
        ("slug", "TEXT", 1),
        ("payload_json", "TEXT", 0),
        ("updated_at_ms", "INTEGER", 0),
    ]
    assert all(notnull for name, _, notnull, _ in columns if name != "slug")


def test_payload_json_is_the_registry_without_its_profiles(fresh):
    (payload,) = rows(fresh.database(), "SELECT payload_json FROM profile_registries")[0]
    document = json.loads(payload)
    assert document["slug"] == "default" and document["default_profile_slug"] == "default"
    assert not document.get("profiles")


def test_the_view_gives_whole_documents_in_the_origins_shape(fresh):
    http = fresh.client()
    create(http, "x", display_name="Name", runtime={"system_prompt": "p"}, extensions={"a.b@v1": {"n": 1}})
    found = shell(
        fresh.database(),
        "SELECT json_extract(payload_json, '$.profiles.x.display_name'),"
        " json_extract(payload_json, '$.profiles.agent.policy.allow_overrides'), updated_at_ms > 0"
        " FROM profile_registry_documents WHERE slug='default';",
    )
    assert found == [["Name", "1", "1"]]
    (payload,) = rows(fresh.database(), "SELECT payload_json FROM profile_registry_documents")[0]
    document = json.loads(payload)
    assert set(document["profiles"]) == {"agent", "default", "x"}
    assert document["default_profile_slug"] == "default"
    assert document["profiles"]["x"]["slug"] == "x"
    assert document["profiles"]["x"]["metadata"]["version"] == 1
    assert document["profiles"]["x"]["extensions"] == {"a.b@v1": {"n": 1}}


def test_numbers_are_stored_as_written(fresh):
    """D19: the origin passed them through floating point."""
    http = fresh.client()
    text = (
        '{"big":9007199254740993,"scale":1.10,"huge":1e400,"neg":-0,"exp":1E+2,"long":0.1000000000000000055511151231}'
    )
    body = '{"slug":"x","extensions":{"a.b@v1":%s}}' % text
    response = http.post(PROFILES, body=body, content_type="application/json")
    assert response.status == 201, response

    def spelled():
        answer = http.get(f"{PROFILES}/x").text
        return all(
            token in answer
            for token in ("9007199254740993", "1.10", "1e400", "-0", "1E+2", "0.1000000000000000055511151231")
        )

    assert spelled(), http.get(f"{PROFILES}/x")
    http.patch(f"{PROFILES}/x", {"display_name": "n"})
    fresh.restart()
    assert spelled(), http.get(f"{PROFILES}/x")


# Files written by the origin --------------------------------------------------------------------------------------


def test_an_origin_file_is_taken_over_after_a_backup(start):
    gateway = start(started=False)
    write_origin_file(
        gateway.database(),
        {"default": origin_document(profiles=("default", "writer")), "team": origin_document("team", "a", ("a",))},
    )
    http = gateway.start().client()
    assert slugs(http) == ["default", "writer"] and slugs(http, "?registry=team") == ["a"]
    assert version(read(http, "writer")) == 3, "versions of the origin are kept"
    assert read(http, "a", "team")["runtime"]["system_prompt"] == "team/a"
    assert len([p for p in gateway.tenant_directory().rglob("*") if ".bak" in p.name]) >= 1, "a backup lies beside it"
    assert version(http.patch(f"{PROFILES}/writer", {"display_name": "n", "expected_version": 3}).json()) == 4
    gateway.restart()
    assert version(read(http, "writer")) == 4


def test_a_row_whose_payload_has_no_slug_takes_the_rows(start):
    gateway = start(started=False)
    document = origin_document("team", "a", ("a",))
    del document["slug"]
    write_origin_file(gateway.database(), {"default": origin_document(), "team": document})
    assert slugs(gateway.start().client(), "?registry=team") == ["a"]


def test_an_empty_tools_list_of_an_origin_file_means_all(start):
    """R16: `[]` from an imported origin file is treated as absent."""
    gateway = start(started=False)
    profiles = {"default": {"slug": "default", "runtime": {"tools": []}, "policy": {}, "metadata": {"version": 1}}}
    write_origin_file(gateway.database(), {"default": origin_document(profiles=profiles)})
    assert "tools" not in read(gateway.start().client(), "default")["runtime"]


def test_a_literal_credential_of_an_origin_file_is_masked_and_survives_a_put(start):
    """Written back as it was shown, `***` keeps the stored one (gateway.md §5, §9)."""
    gateway = start(started=False)
    settings = {"openai-chat": {"openai-api-key": "sk-literal-of-the-origin"}, "ai-chat": {"ai-engine": "m"}}
    profiles = {"default": {"slug": "default", "runtime": {"step_settings_patch": settings}, "policy": {}}}
    write_origin_file(gateway.database(), {"default": origin_document(profiles=profiles)})
    http = gateway.start().client()
    shown = read(http, "default")
    assert shown["runtime"]["step_settings_patch"]["openai-chat"]["openai-api-key"] == "***"
    shown["display_name"] = "Changed"
    response = http.put(f"{PROFILES}/default", shown)
    assert response.status == 200 and "sk-literal" not in response.text, response
    for target in (PROFILES, f"{PROFILES}/default", "/v1/models", REGISTRIES):
        assert "sk-literal" not in http.get(target).text
    (payload,) = rows(gateway.database(), "SELECT payload_json FROM profile_registry_documents")[0]
    assert "sk-literal-of-the-origin" in payload
    gateway.stop()
    assert "sk-literal" not in gateway.log()


def test_a_sqlite_file_without_our_tables_is_initialised_and_left_alone_otherwise(start):
    """S31: the table is missing because something else made the file."""
    gateway = start(started=False)
    gateway.database().parent.mkdir(parents=True, mode=0o700)
    shell(gateway.database(), "CREATE TABLE theirs(a); INSERT INTO theirs VALUES(7);")
    gateway.database().chmod(0o600)
    http = gateway.start().client()
    assert slugs(http) == ["agent", "default"]
    assert rows(gateway.database(), "SELECT a FROM theirs") == [(7,)]


# Changes made behind the gateway's back ---------------------------------------------------------------------------


def test_a_whole_document_pasted_by_an_operator_is_taken_over(fresh):
    http = fresh.client()
    document = origin_document(profiles=("default", "pasted"))
    assert (
        change(
            fresh.database(),
            "UPDATE profile_registries SET payload_json=?, updated_at_ms=updated_at_ms+1 WHERE slug='default'",
            json.dumps(document),
        )
        == 1
    )
    within_a_second(lambda: "pasted" in slugs(http), "the pasted profile is served")
    assert read(http, "pasted")["runtime"]["system_prompt"] == "default/pasted"


def test_a_name_changed_with_the_shell_is_seen(fresh):
    http = fresh.client()
    before = http.get(f"{REGISTRIES}/default")
    shell(
        fresh.database(),
        "UPDATE profile_registries SET payload_json="
        "json_set(payload_json, '$.display_name', 'By Hand') WHERE slug='default';",
    )
    within_a_second(lambda: http.get(f"{REGISTRIES}/default").json().get("display_name") == "By Hand", "the new name")
    assert http.get(f"{REGISTRIES}/default").etag != before.etag
    create(http, "x")
    assert http.get(f"{REGISTRIES}/default").json()["display_name"] == "By Hand", "never overwritten"


def test_a_registry_damaged_while_serving(fresh):
    http = fresh.client()
    create_registry(http, "team")
    create(http, "a", registry="team")
    change(fresh.database(), "UPDATE profile_registries SET payload_json='{\"slug\":' WHERE slug='team'")
    eventually(lambda: http.get(f"{PROFILES}?registry=team").status == 500, "the damage is told", within=5)
    refuses(http.get(f"{PROFILES}?registry=team"), 500, "profile_registries", "payload_json", "team")
    assert slugs(http) == ["agent", "default"]
    assert http.get(REGISTRIES).status in (200, 500)
    create(http, "still-works")
    change(
        fresh.database(),
        "UPDATE profile_registries SET payload_json=? WHERE slug='team'",
        '{"slug":"team","default_profile_slug":"a"}',
    )
    within_a_second(lambda: http.get(f"{PROFILES}?registry=team").status == 200, "the repair is seen")
    assert slugs(http, "?registry=team") == ["a"]


def test_a_profile_row_damaged_while_serving(fresh):
    """The layout of profile rows is ours to change, so the test finds the row by its content."""
    http = fresh.client()
    create_registry(http, "team")
    create(http, "a", registry="team", **prompted("needle-in-the-row"))
    tables = [
        t
        for (t,) in rows(
            fresh.database(),
            "SELECT name FROM sqlite_master WHERE type='table'"
            " AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '%history%'"
            " AND name NOT LIKE '%version%' AND name NOT LIKE '%audit%'",
        )
    ]
    hits = []
    for table in tables:
        for (column,) in rows(fresh.database(), f"SELECT name FROM pragma_table_info('{table}')"):
            query = f'UPDATE "{table}" SET "{column}"=\'{{"broken\' WHERE "{column}" LIKE \'%needle-in-the-row%\''
            if change(fresh.database(), query):
                hits.append((table, column))
    assert hits, f"no row holds the profile: {tables}"
    eventually(lambda: http.get(f"{PROFILES}?registry=team").status == 500, "the damage is told", within=5)
    table, column = hits[0]
    refuses(http.get(f"{PROFILES}?registry=team"), 500, table, column)
    assert slugs(http) == ["agent", "default"]


def test_a_missing_table_is_named_or_made_again(fresh):
    """S32: the table vanishes at run time."""
    http = fresh.client()
    before = listed(http)
    shell(fresh.database(), "DROP VIEW profile_registry_documents; DROP TABLE profile_registries;")

    def told_or_mended():
        answer = http.post(PROFILES, {"slug": "x"})
        if answer.status in (500, 503):
            return "profile_registries" in answer.error["message"]
        return answer.status in (201, 409) and len(shell(fresh.database(), S17)) == 1

    eventually(told_or_mended, "the loss is told, or mended", within=5)
    fresh.restart()
    assert http.get("/healthz").status == 200
    assert [item for item in listed(http) if item["slug"] != "x"] == before, "no profile was lost with it"
