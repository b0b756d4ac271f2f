"""Schemas: what is advertised is what is enforced (origin 3.8, gateway.md §5 and §7; cases AP-12 to AP-14)."""

import json

import pytest

from harness.profiles import PROFILES, create, read, refuses, version

MIDDLEWARES = "/api/chat/schemas/middlewares"
EXTENSIONS = "/api/chat/schemas/extensions"
OURS = ["agentmode", "input-limit", "prompt-append", "redact", "require-json"]
SUGGESTIONS = "webchat.starter_suggestions@v1"


def test_AP_12_the_middlewares(lasting):
    """The origin's `sqlite` is not offered (gateway.md §11); sorted by name."""
    response = lasting.get(MIDDLEWARES)
    assert response.status == 200 and response.headers["Content-Type"].startswith("application/json")
    items = response.json()
    assert [item["name"] for item in items] == OURS
    for item in items:
        assert list(item) == ["name", "version", "display_name", "description", "schema"]
        assert item["version"] == 1 and item["display_name"].strip() and item["description"].strip()
        assert item["schema"]["type"] == "object" and item["schema"]["additionalProperties"] is False


def test_AP_13_the_extensions(lasting):
    items = lasting.get(EXTENSIONS).json()
    keys = [item["key"] for item in items]
    assert keys == sorted(keys) and len(keys) >= 3
    assert {SUGGESTIONS, "middleware.agentmode_config@v1"} <= set(keys)
    assert keys == sorted([SUGGESTIONS] + [f"middleware.{name}_config@v1" for name in OURS])
    schemas = {item["key"]: item["schema"] for item in items}
    configs = {item["name"]: item["schema"] for item in lasting.get(MIDDLEWARES).json()}
    for name in OURS:
        assert schemas[f"middleware.{name}_config@v1"] == {
            "type": "object",
            "properties": {"instances": {"type": "object", "additionalProperties": configs[name]}},
            "required": ["instances"],
            "additionalProperties": False,
        }
    suggestions = schemas[SUGGESTIONS]
    assert suggestions["type"] == "object" and suggestions["required"] == ["items"]
    assert suggestions["properties"]["items"]["items"] == {"type": "string"}
    assert suggestions["properties"]["items"]["default"] == [] and suggestions["additionalProperties"] is False


def test_AP_14_each_key_has_one_schema(lasting):
    """That a registered one beats a codec's, and one without a schema is left out: Tests/ProfilesTests."""
    keys = [item["key"] for item in lasting.get(EXTENSIONS).json()]
    assert len(keys) == len(set(keys))
    assert all(isinstance(item["schema"], dict) for item in lasting.get(EXTENSIONS).json())


@pytest.mark.parametrize("target", [MIDDLEWARES, EXTENSIONS])
def test_the_routes(lasting, target):
    assert lasting.head(target).status == 200 and lasting.head(target).body == b""
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert lasting.request(method, target).status == 405
    assert lasting.get(target + "/x").status == 404
    assert lasting.get(target).body == lasting.get(target).body


def test_under_a_tenant_and_with_a_key(guarded):
    assert guarded.client("acme").get(MIDDLEWARES).status == 401
    key = guarded.environment["PROFILE_GATEWAY_OPERATOR_KEY"]
    assert [item["name"] for item in guarded.client("acme", key).get(MIDDLEWARES).json()] == OURS


@pytest.mark.parametrize(
    "value",
    [{}, {"items": None}, {"items": "x"}, {"items": [1]}, {"items": ["a"], "more": 1}, [], "x", 5, True],
    ids=json.dumps,
)
def test_D47_the_advertised_extension_schema_is_enforced(lasting, value):
    """On create and on patch; the origin had no codecs, so that anything was stored."""
    extensions = {SUGGESTIONS: value}
    field = f"profile.extensions[{SUGGESTIONS}]"
    refuses(create(lasting, "x", 400, extensions=extensions), 400, "decode failed:", param=field)
    refuses(lasting.patch(f"{PROFILES}/agent", {"extensions": extensions}), 400, "decode failed:", param=field)
    refuses(lasting.put(f"{PROFILES}/agent", {"extensions": extensions}), 400, "decode failed:", param=field)
    assert version(read(lasting, "agent")) == 1


@pytest.mark.case("EX-7")
@pytest.mark.parametrize("value", [{"items": []}, {"items": ["a", "é"]}], ids=json.dumps)
def test_what_fits_is_stored_as_it_is(http, value):
    assert create(http, "x", extensions={SUGGESTIONS: value})["extensions"] == {SUGGESTIONS: value}


@pytest.mark.case("EX-7")
def test_a_known_key_in_another_spelling_is_judged_alike(lasting):
    response = create(lasting, "x", 400, extensions={" WebChat.Starter_Suggestions@V1 ": {"items": 5}})
    refuses(response, 400, "decode failed:", param=f"profile.extensions[{SUGGESTIONS}]")


def test_an_unknown_version_of_a_known_key_is_free(http):
    value = {"anything": [1, None]}
    assert create(http, "x", extensions={"webchat.starter_suggestions@v2": value})["extensions"] == {
        "webchat.starter_suggestions@v2": value
    }


@pytest.mark.parametrize("first, second", [("app.note@v1", "App.Note@V1"), ("app.note@v1", " app.note@v1 ")])
def test_D48_two_keys_equal_after_canonicalisation_are_refused(lasting, first, second):
    """Instead of one of them at random."""
    response = create(lasting, "x", 400, extensions={first: 1, second: 2})
    refuses(response, 400, "duplicate extension key", param=f"profile.extensions[{second.strip()}]")


def schema_of(http, name):
    (found,) = [item["schema"] for item in http.get(MIDDLEWARES).json() if item["name"] == name]
    return found


def test_every_advertised_bound_is_enforced(lasting):
    """Reads the advertised schemas, and breaks each bound by one."""
    tried = 0
    for name in OURS:
        schema = schema_of(lasting, name)
        base = {"prompt-append": {"text": "x"}, "input-limit": {"max_messages": 1}}.get(name, {})
        for field, rule in schema["properties"].items():
            wrong = []
            if "minimum" in rule:
                wrong.append(rule["minimum"] - 1)
            if "maximum" in rule:
                wrong.append(rule["maximum"] + 1)
            if "minLength" in rule:
                wrong.append("x" * (rule["minLength"] - 1))
            if "maxItems" in rule:
                wrong.append([{"name": f"n{i}", "pattern": "x"} for i in range(rule["maxItems"] + 1)])
            if "enum" in rule:
                wrong.append("surely-not-among-them")
            if rule.get("uniqueItems"):
                wrong.append(["email", "email"])
            if "type" in rule:
                wrong.append(None if rule["type"] != "null" else 5)
                wrong.append(5 if rule["type"] != "integer" else "5")
            for value in wrong:
                tried += 1
                config = {**base, field: value}
                response = create(lasting, "x", 400, runtime={"middlewares": [{"name": name, "config": config}]})
                refuses(response, 400, field, param="runtime.middlewares[0].config")
        for field in schema.get("required", []):
            less = {key: value for key, value in base.items() if key != field}
            create(lasting, "x", 400, runtime={"middlewares": [{"name": name, "config": less}]})
        create(lasting, "x", 400, runtime={"middlewares": [{"name": name, "config": {**base, "unheard_of": 1}}]})
    assert tried >= 20


def test_every_advertised_default_is_valid(http):
    """And every example; a configuration of nothing but defaults runs."""
    for name in OURS:
        schema = schema_of(http, name)
        defaults = {field: rule["default"] for field, rule in schema["properties"].items() if "default" in rule}
        config = {**{"prompt-append": {"text": "x"}, "input-limit": {"max_messages": 1}}.get(name, {}), **defaults}
        create(http, f"of-{name}", runtime={"middlewares": [{"name": name, "config": config}]})
