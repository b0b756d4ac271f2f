"""Whole registries in and out: forms, modes, every problem at once, one transaction (gateway.md §5; origin §6.1)."""

import json

import pytest

from harness.database import origin_document, rows, write_origin_file
from harness.gateway import OPERATOR_KEY
from harness.profiles import PROFILES, REGISTRIES, create, create_registry, listed, read, refuses, slugs, version

YAML = "application/yaml"


def send(http, text, registry="default", query="", content_type=YAML, **more):
    body = text if isinstance(text, bytes) else text.encode()
    return http.post(f"{REGISTRIES}/{registry}/import{query}", body=body, content_type=content_type, **more)


def send_all(http, text, query="", content_type=YAML):
    return http.post(f"{REGISTRIES}/import{query}", body=text.encode(), content_type=content_type)


def export(http, registry="default", form="yaml"):
    response = http.get(f"{REGISTRIES}/{registry}/export?format={form}")
    assert response.status == 200, response
    return response


def taken(response):
    assert response.status == 200, response
    return response.json()


def named(items):
    return [item["slug"] for item in items]


LEGACY = """\
default: {ai-chat: {ai-engine: gpt-4o-mini}}
gemini-2.5-pro: {ai-chat: {ai-engine: gemini-2.5-pro}}
"""

BUNDLE = """\
registries:
  team:
    slug: team
    default_profile_slug: analyst
    profiles:
      analyst:
        slug: analyst
        runtime: {system_prompt: You analyse., step_settings_patch: {ai-chat: {ai-engine: gpt-4o-mini}}}
        policy: {allow_overrides: true, read_only: false}
"""

EVERYTHING = """\
slug: rich
display_name: "Rich: all of it"
description: |
  Two
  lines
default_profile_slug: main
metadata: {tags: [ours, "no"]}
profiles:
  base:
    runtime:
      system_prompt: "You are {{name}}"
      variables: {name: {type: string, required: true, description: who}}
      tools: []
  main:
    display_name: Main
    stack: [{profile_slug: base}, {registry_slug: default, profile_slug: agent}]
    metadata: {tags: [a, b]}
    runtime:
      system_prompt: null
      tools: null
      middlewares: []
      step_settings_patch: {ai-chat: {ai-temperature: 0.50, ai-stop: [a]}}
    policy:
      allow_overrides: true
      allowed_override_keys: [step_settings_patch]
      denied_override_keys: [tools]
      on_denied: ignore
      limits: {ai-chat.ai-temperature: {max: 1.0}}
      pass_unknown: false
    extensions:
      thirdparty.feature@v1: {nested: [1.10, 9007199254740993, 1e400, no, 2026-02-23], "null": null}
      vendor.extra@v2: [1, two]
"""


def test_YA_1_a_legacy_map_becomes_the_registry_of_the_path(http):
    answer = taken(send(http, LEGACY, "old"))
    assert named(answer["created"]) == ["default", "gemini-2.5-pro"]
    assert answer["default_profile_slug"] == "default"
    assert slugs(http, "?registry=old") == ["default", "gemini-2.5-pro"]
    stored = read(http, "gemini-2.5-pro", "old")
    assert stored["runtime"]["step_settings_patch"] == {"ai-chat": {"ai-engine": "gemini-2.5-pro"}}


@pytest.mark.parametrize("whole", [False, True])
def test_YA_2_a_bundle_keeps_its_registries_and_defaults(http, whole):
    answer = taken(send_all(http, BUNDLE) if whole else send(http, BUNDLE, "team"))
    registry = answer["registries"][0] if whole else answer
    assert (registry["slug"], registry["outcome"], registry["version"]) == ("team", "created", 1)
    assert registry["created"] == [{"slug": "analyst", "version": 1}]
    assert http.get(f"{REGISTRIES}/team").json()["default_profile_slug"] == "analyst"


@pytest.mark.parametrize("form, content_type", [("yaml", YAML), ("json", "application/json")])
def test_YA_4_what_is_exported_imports_to_equal_documents(http, form, content_type):
    taken(send(http, EVERYTHING, "rich"))
    first = export(http, "rich", form)
    assert first.headers["Content-Type"] == content_type
    assert first.headers["Content-Disposition"] == f'attachment; filename="rich.{form}"'
    before = {slug: read(http, slug, "rich") for slug in ("base", "main")}
    assert before["main"]["extensions"]["vendor.extra@v2"] == [1, "two"]
    # Over itself nothing changes, not even a version.
    again = taken(send(http, first.body, "rich", "?mode=replace", content_type))
    assert again["outcome"] == "unchanged" and named(again["unchanged"]) == ["base", "main"]
    assert export(http, "rich", form).body == first.body
    # Where it was deleted, the same comes back.
    assert http.delete(f"{REGISTRIES}/rich?force=true").status == 204
    taken(send(http, first.body, "rich", "", content_type))
    for slug, document in before.items():
        back = read(http, slug, "rich")
        assert version(back) > version(document), "a version never names two states"
        for field in ("display_name", "stack", "runtime", "policy", "extensions", "is_default"):
            assert back.get(field) == document.get(field), field
        assert back["metadata"].get("tags") == document["metadata"].get("tags")
    for spelled in (b"1.10", b"9007199254740993", b"1e400", b"0.50"):
        assert spelled in first.body and spelled in http.get(f"{PROFILES}/main?registry=rich").body


def test_YA_6_a_bundle_of_all_registries_goes_out_and_comes_back_sorted(start):
    one, two = start().client(), start().client()
    taken(send_all(one, BUNDLE))
    response = one.get(f"{REGISTRIES}/export?format=yaml")
    assert response.status == 200, response
    text = response.text
    assert text.index("\n  default:") < text.index("\n  team:")
    answer = taken(send_all(two, text))
    assert [item["outcome"] for item in answer["registries"]] == ["unchanged", "created"]
    assert two.get(f"{REGISTRIES}/team").json()["default_profile_slug"] == "analyst"
    assert read(two, "agent") == {**read(one, "agent"), "metadata": read(two, "agent")["metadata"]}


def test_YA_8_malformed_yaml_says_so_with_the_line(http):
    response = refuses(send(http, "registries:\n  team: ["), 400, "YAML", "line 3")
    assert response.error["code"] == "invalid_yaml"
    assert response.error["errors"][0]["line"] >= 2


@pytest.mark.parametrize(
    "text, phrase, param",
    [
        (BUNDLE, "top-level registries is not supported", "registry"),
        (LEGACY, "legacy profile-map format is not supported", "registry"),
        ("slug: team\ndefault_profile_slug: a\nprofiles: {a: {}}", "", "registry.default_profile_slug"),
        ("profiles: {a: {}}", "must be set for runtime YAML sources", "registry.slug"),
    ],
)
def test_YA_10_strict_takes_the_newer_form_of_the_origin_only(http, text, phrase, param):
    refuses(send(http, text, "team", "?strict=true"), 400, phrase, param=param)


def test_YA_10_strict_infers_the_default(http):
    answer = taken(send(http, "slug: team\nprofiles: {zeta: {}, beta: {}}", "team", "?strict=true"))
    assert answer["default_profile_slug"] == "beta"


def test_YA_11_the_strict_form_keeps_stacks_and_holds_one_registry(http):
    taken(send(http, "slug: team\nprofiles: {base: {}, default: {stack: [{profile_slug: base}]}}", "team"))
    text = export(http, "team", "origin-yaml").text
    assert "default_profile_slug" not in text
    assert taken(send(http, text, "team", "?strict=1"))["outcome"] == "unchanged"
    refuses(http.get(f"{REGISTRIES}/export?format=origin-yaml"), 400, "holds one registry", param="format")


def test_SL_8_slugs_are_normalised_and_invalid_ones_refused(http):
    answer = taken(send_all(http, "registries: {Work: {profiles: {Agent: {}}}}"))
    assert answer["registries"][0]["slug"] == "work"
    assert named(answer["registries"][0]["created"]) == ["agent"]
    refuses(send_all(http, "registries: {ok: {profiles: {bad slug: {}}}}"), 400, 'profile slug "bad slug" is invalid')


@pytest.mark.parametrize(
    "text, param, line",
    [
        pytest.param(
            "slug: team\ndefault_profile_slug: missing\nprofiles: {a: {}}",
            "registry.default_profile_slug",
            2,
            marks=pytest.mark.case("VA-3"),
        ),
        pytest.param(
            "slug: team\nprofiles:\n  default:\n    slug: agent",
            "registry.profiles[default].slug",
            4,
            marks=pytest.mark.case("VA-4"),
        ),
        pytest.param(
            "slug: team\nprofiles:\n  default:\n",
            "registry.profiles[default]",
            3,
            marks=pytest.mark.case("VA-7"),
        ),
    ],
)
def test_a_wrong_document_is_refused_with_field_and_line(http, text, param, line):
    response = refuses(send(http, text, "team"), 400, f"validation error ({param})", param=param)
    assert response.error["errors"][0]["line"] == line
    assert http.get(f"{REGISTRIES}/team").status == 404


def test_every_problem_is_listed_and_nothing_is_changed(http):
    before = [http.get(REGISTRIES).body, http.get(PROFILES).body]
    text = """\
registries:
  team:
    profiles:
      one: {runtime: {tools: [' ', ok, ' ']}, extensions: {bad key: 1}}
      two: {runtime: {middlewares: [{name: nothing}], step_settings_patch: {ai-chat: {openai-api-key: sk-1}}}}
      three: {stack: [{profile_slug: nobody}]}
  default:
    profiles:
      agent: {unknown: 1}
      fine: {}
"""
    response = refuses(send_all(http, text), 400, "validation error")
    error = response.error
    found = {(item["registry"], item["param"], item.get("line")) for item in error["errors"]}
    assert found == {
        ("team", "registry.profiles[one].runtime.tools[0]", 4),
        ("team", "registry.profiles[one].runtime.tools[2]", 4),
        ("team", "registry.profiles[one].extensions[bad key]", 4),
        ("team", "registry.profiles[two].runtime.middlewares[0].name", 5),
        ("team", "registry.profiles[two].runtime.step_settings_patch.ai-chat.openai-api-key", 5),
        ("team", "registry.profiles[three].stack[0]", 6),
        ("default", "registry.profiles[agent].unknown", 9),
    }
    assert error["message"] == error["errors"][0]["message"] and error["param"] == error["errors"][0]["param"]
    assert [http.get(REGISTRIES).body, http.get(PROFILES).body] == before


def test_merge_keeps_what_the_document_does_not_name(http):
    create(http, "mine")
    answer = taken(send(http, "profiles: {agent: {display_name: New}, other: {}}"))
    assert (answer["mode"], answer["dry_run"], answer["outcome"]) == ("merge", False, "updated")
    assert answer["created"] == [{"slug": "other", "version": 1}]
    assert answer["updated"] == [{"slug": "agent", "version": 2}]
    assert answer["removed"] == [] and answer["default_profile_slug"] == "default"
    assert slugs(http) == ["agent", "default", "mine", "other"]
    assert answer["version"] == http.get(f"{REGISTRIES}/default").json()["version"]


def test_replace_removes_it_and_chooses_a_default(http):
    answer = taken(send(http, "profiles: {zeta: {}, beta: {}}", query="?mode=replace"))
    assert named(answer["removed"]) == ["agent", "default"]
    assert answer["default_profile_slug"] == "beta"
    assert [(item["slug"], item.get("is_default", False)) for item in listed(http)] == [("beta", True), ("zeta", False)]


def test_replace_is_refused_where_others_stack_on_what_goes(http):
    create_registry(http, "other")
    create(http, "user", registry="other", stack=[{"registry_slug": "default", "profile_slug": "agent"}])
    response = refuses(
        send(http, "profiles: {default: {}}", query="?mode=replace"),
        400,
        'referenced profile "agent" not found in registry "default"',
        param="registry.profiles[user].stack[0]",
    )
    assert response.error["errors"][0]["registry"] == "other"
    assert slugs(http) == ["agent", "default"]
    # Unless they go in the same import.
    bundle = "registries: {default: {profiles: {default: {}}}, other: {profiles: {}}}"
    answer = taken(send_all(http, bundle, "?mode=replace"))
    assert [named(item["removed"]) for item in answer["registries"]] == [["agent"], ["user"]]


def test_stacks_are_judged_over_the_whole_result(http):
    ring = "registries: {a: {profiles: {x: {stack: [{registry_slug: b, profile_slug: y}]}}}, %s}"
    missing = send_all(http, ring % "c: {profiles: {}}")
    refuses(missing, 400, 'referenced registry "b" not found', param="registry.profiles[x].stack[0]")
    cycle = send_all(http, ring % "b: {profiles: {y: {stack: [{registry_slug: a, profile_slug: x}]}}}")
    refuses(cycle, 400, "stack cycle detected: ")
    taken(send_all(http, ring % "b: {profiles: {y: {}}}"))
    # A change of what lies below counts for those above it in other registries.
    back = send(http, "slug: b\nprofiles: {y: {stack: [{registry_slug: a, profile_slug: x}]}}", "b")
    refuses(back, 400, "stack cycle detected: ")
    deep = "".join(f"  p{n}: {{stack: [{{profile_slug: p{n + 1}}}]}}\n" for n in range(40)) + "  p40: {}\n"
    refuses(send(http, "slug: deep\nprofiles:\n" + deep, "deep"), 400, "stack depth exceeds max_depth=32")


def test_a_dry_run_says_the_same_and_changes_nothing(http):
    before = export(http).body
    trial = taken(send(http, "profiles: {agent: {}, other: {}}", query="?mode=replace&dry_run=true"))
    assert trial["dry_run"] is True and named(trial["removed"]) == ["default"]
    assert export(http).body == before
    real = taken(send(http, "profiles: {agent: {}, other: {}}", query="?mode=replace"))
    for part in ("created", "updated", "unchanged", "removed"):
        assert named(trial[part]) == named(real[part])


def test_read_only_profiles_need_the_admins_word(http):
    create(http, "fixed", policy={"allow_overrides": False, "read_only": True})
    text = "profiles: {fixed: {display_name: Changed}, default: {}, agent: {}}"
    refuses(send(http, text), 403, 'policy violation for profile "fixed": profile is read-only')
    refuses(send(http, "profiles: {default: {}}", query="?mode=replace"), 403, "fixed", "cannot be removed")
    assert read(http, "fixed").get("display_name") is None
    # An unchanged one is in nobody's way.
    taken(send(http, export(http).body, query="?mode=replace"))
    taken(send(http, text, headers={"X-Override-Read-Only": "true"}))
    assert read(http, "fixed")["display_name"] == "Changed"


def test_a_masked_key_keeps_the_stored_one(start):
    gateway = start(started=False)
    profile = {"slug": "default", "runtime": {"step_settings_patch": {"openai-chat": {"openai-api-key": "sk-literal"}}}}
    write_origin_file(gateway.database(), {"default": origin_document(profiles={"default": profile})})
    http = gateway.start().client()
    text = export(http).text
    assert "***" in text and "sk-literal" not in text and "sk-literal" not in export(http, form="json").text
    taken(send(http, text.replace("slug: default\n", "display_name: Renamed\nslug: default\n", 1)))
    gateway.stop()
    assert "sk-literal" in rows(gateway.database(), "SELECT document_json FROM profiles")[0][0]
    assert gateway.start()
    refuses(send(http, text.replace("slug: default", "slug: copy", 1), "copy"), 400, "literal provider keys")


def test_which_registry_a_document_goes_to(http):
    refuses(send(http, BUNDLE, "default"), 400, 'holds registry "team"', param="registry.slug")
    taken(send(http, BUNDLE.replace("registries:", "registries:\n  other: {profiles: {x: {}}}"), "team"))
    assert http.get(f"{REGISTRIES}/other").status == 404, "only what the path names is taken"
    for empty in ("", "# nothing\n", "{}", "registries: {}"):
        response = send(http, empty, query="?mode=replace")
        assert response.status == 400 and response.error["code"] == "empty_document", response
    assert slugs(http) == ["agent", "default"]


def test_guards_hold_for_imports(http):
    etag = http.get(f"{REGISTRIES}/default").etag
    current = http.get(f"{REGISTRIES}/default").json()["version"]
    text = "profiles: {agent: {display_name: A}}"
    refuses(send(http, text, query=f"?expected_version={current + 1}"), 409, "version conflict")
    taken(send(http, text, headers={"If-Match": etag}))
    refuses(send(http, text, headers={"If-Match": etag}), 412, "precondition failed")
    # A dry run says that too.
    refuses(send(http, text, query="?dry_run=true", headers={"If-Match": etag}), 412, "precondition failed")
    refuses(send(http, text, query="?dry_run=true&expected_version=99"), 409, "version conflict")


def test_parameters_and_content_types(http):
    refuses(send(http, "a: 1", query="?mode=mix"), 400, "merge or replace", param="mode")
    refuses(send(http, "a: 1", query="?dry_run=maybe"), 400, "true or false", param="dry_run")
    assert send(http, "a: 1", content_type="text/yaml").status == 415
    refuses(
        http.get(f"{REGISTRIES}/default/export?format=xml"),
        400,
        "yaml, json, origin-yaml, origin-sqlite",
        param="format",
    )
    assert http.get(f"{REGISTRIES}/none/export").status == 404
    assert send(http, b"slug: \xff").status == 400


def test_an_export_has_an_entity_tag(http):
    first = export(http)
    unchanged = http.get(f"{REGISTRIES}/default/export", headers={"If-None-Match": first.etag})
    assert unchanged.status == 304, unchanged
    create(http, "x")
    assert http.get(f"{REGISTRIES}/default/export", headers={"If-None-Match": first.etag}).status == 200


def test_the_size_limit_is_configurable(start):
    http = start(config={"max_body_bytes": {"imports": "2KiB"}}).client()
    taken(send(http, "profiles: {x: {description: " + "a" * 1500 + "}}"))
    assert send(http, "profiles: {x: {description: " + "a" * 2500 + "}}").status == 413


def test_hostile_yaml_is_refused_quickly(http):
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 15)
    )
    refuses(send(http, laughs), 400, "aliases counted")
    for text in ("[" * 100_000, "- " * 100_000, "{a: " * 100_000, "a: 1\na: 2\n", "? {a: b}\n: 1"):
        assert send(http, text).status == 400
    assert slugs(http) == ["agent", "default"]


@pytest.mark.parametrize("name", ["import", "export"])
def test_no_new_registry_is_called_like_a_route(start, name):
    gateway = start(started=False)
    write_origin_file(gateway.database(), {name: origin_document(name, "x", profiles={"x": {"slug": "x"}})})
    http = gateway.start().client()
    # One that is in the file already can be changed and removed.
    taken(send(http, "profiles: {y: {}}", name))
    assert named(json.loads(export(http, name, "json").body)["profiles"].values()) == ["x", "y"]
    assert http.patch(f"{REGISTRIES}/{name}", {"display_name": "V"}).status == 200
    assert http.delete(f"{REGISTRIES}/{name}?force=true").status == 204
    refuses(http.post(REGISTRIES, {"slug": name}), 400, "cannot name a registry", param="registry.slug")
    refuses(send(http, "profiles: {x: {}}", name), 400, "cannot name a registry", param="registry.slug")


def test_a_document_that_is_wrong_all_over_is_told_the_first_problems(http):
    profile = "{runtime: {step_settings_patch: {openai-chat: {openai-api-key: sk-1}}}}"
    text = "slug: many\nprofiles:\n" + "".join(f"  p{n:04}: {profile}\n" for n in range(4000))
    errors = refuses(send(http, text, "many"), 400, "literal provider keys").error["errors"]
    assert len(errors) == 201
    assert [item["line"] for item in errors[:200]] == list(range(3, 203))
    assert errors[200]["message"] == "there are more problems, which are not listed" and errors[200]["param"] is None


@pytest.mark.parametrize("form, content_type", [("yaml", YAML), ("json", "application/json")])
def test_a_profile_of_the_deepest_nesting_goes_out_and_comes_back(http, form, content_type):
    value = []
    for _ in range(61):
        value = [value]
    create_registry(http, "deep")
    create(http, "x", registry="deep", extensions={"a.b@v1": value})
    before = read(http, "x", "deep")
    one, all_of_them = export(http, "deep", form).body, http.get(f"{REGISTRIES}/export?format={form}").body
    assert http.delete(f"{REGISTRIES}/deep?force=true").status == 204
    taken(send(http, one, "deep", "", content_type))
    assert read(http, "x", "deep")["extensions"] == before["extensions"]
    answer = taken(send_all(http, all_of_them.decode(), "?mode=replace", content_type))
    assert [item["outcome"] for item in answer["registries"]] == ["unchanged", "unchanged"]


def test_the_deepest_nesting_comes_back_through_a_file_for_the_origin(start):
    value = []
    for _ in range(61):
        value = [value]
    first = start().client()
    create(first, "x", extensions={"a.b@v1": value})
    second = start(started=False)
    second.database().parent.mkdir(parents=True, mode=0o700)
    second.database().write_bytes(first.get(f"{REGISTRIES}/export?format=origin-sqlite").body)
    second.database().chmod(0o600)
    assert read(second.start().client(), "x") == read(first, "x")


def test_a_default_that_is_not_there_is_refused_without_profiles_too(http):
    text = "slug: default\ndefault_profile_slug: nope\n"
    refuses(send(http, text, query="?mode=replace"), 400, "does not exist", param="registry.default_profile_slug")
    assert slugs(http) == ["agent", "default"]


def test_a_profile_that_cannot_be_read_is_told_once(http):
    create(http, "ro", policy={"allow_overrides": False, "read_only": True})
    text = '{"default_profile_slug": "ro", "profiles": {"ro": 5}}'
    response = refuses(send(http, text, "default", "?mode=replace", "application/json"), 400, "validation error")
    assert [item["param"] for item in response.error["errors"]] == ["registry.profiles[ro]"]


def test_another_tenant_sees_nothing_of_it(start):
    gateway = start(operator_key=OPERATOR_KEY, config={"tenants": {"acme": {}, "beta": {}}})
    acme, beta = gateway.client("acme", OPERATOR_KEY), gateway.client("beta", OPERATOR_KEY)
    taken(send_all(acme, BUNDLE))
    assert beta.get(f"{REGISTRIES}/team").status == 404
    assert beta.get(f"{REGISTRIES}/export").status == 200
    assert "team" not in beta.get(f"{REGISTRIES}/export").text


def test_ten_thousand_profiles_in_one_import(http):
    text = "slug: many\nprofiles:\n" + "".join(
        f"  p{n:05}: {{runtime: {{system_prompt: number {n}}}, metadata: {{tags: [t]}}}}\n" for n in range(10_000)
    )
    answer = taken(send(http, text, "many"))
    assert len(answer["created"]) == 10_000
    again = taken(send(http, export(http, "many", "json").body, "many", "?mode=replace", "application/json"))
    assert len(again["unchanged"]) == 10_000 and again["outcome"] == "unchanged"


def test_a_file_for_the_origin_comes_back_through_adoption(start, tmp_path):
    first = start().client()
    taken(send(first, EVERYTHING, "rich"))
    response = first.get(f"{REGISTRIES}/export?format=origin-sqlite")
    assert response.status == 200 and response.headers["Content-Type"] == "application/vnd.sqlite3", response
    assert response.headers["Content-Disposition"] == 'attachment; filename="registries.db"'
    second = start(started=False)
    second.database().parent.mkdir(parents=True, mode=0o700)
    second.database().write_bytes(response.body)
    second.database().chmod(0o600)
    schema = rows(second.database(), "SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
    assert [name for name, _ in schema] == ["profile_registries"] and "payload_json TEXT NOT NULL" in schema[0][1]
    documents = dict(rows(second.database(), "SELECT slug, payload_json FROM profile_registries"))
    assert set(json.loads(documents["rich"])["profiles"]) == {"base", "main"}
    http = second.start().client()
    # An empty list means everything there; it is left out and so comes back as nothing said.
    for slug, registry, lost in (
        ("main", "rich", "middlewares"),
        ("base", "rich", "tools"),
        ("agent", "default", None),
        ("default", "default", None),
    ):
        document = read(first, slug, registry)
        if lost:
            assert document["runtime"].pop(lost) == []
        assert read(http, slug, registry) == document


def test_only_the_operator_gets_literal_keys_in_a_file_for_the_origin(start):
    gateway = start(started=False, operator_key=OPERATOR_KEY)
    profile = {"slug": "default", "runtime": {"step_settings_patch": {"openai-chat": {"openai-api-key": "sk-literal"}}}}
    write_origin_file(gateway.database(), {"default": origin_document(profiles={"default": profile})})
    http = gateway.start().client("default", OPERATOR_KEY)
    assert b"sk-literal" not in http.get(f"{REGISTRIES}/export?format=origin-sqlite").body
    operator = gateway.client(key=OPERATOR_KEY)
    answer = operator.get("/admin/tenants/default/registries/export?format=origin-sqlite")
    assert answer.status == 200 and b"sk-literal" in answer.body, answer
    assert b"sk-literal" not in operator.get("/admin/tenants/default/registries/export?format=yaml").body
    assert [path.name for path in gateway.database().parents[2].iterdir() if "origin-export" in path.name] == []
