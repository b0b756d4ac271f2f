"""Which word counts on the command line, and what it never prints (origin.md §8.12, §8.13)."""

import json

import pytest

from harness import database
from harness.commands import Commands
from harness.gateway import command_line
from harness.profiles import create, create_registry, prompted
from harness.resolution import OPEN, patch, stacked
from harness.upstream import FAKE_KEY, chat_config


def engine(name):
    return {"ai-chat": {"ai-engine": name}}


@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
def test_CL_1_the_model_is_the_flags_then_the_profiles_then_the_environments_then_the_files(start, upstream, online):
    """The origin's environment is a layer above the profile; here it is one of the configuration's sources, all of
    which are the base below every profile (gateway.md §2, §8)."""
    gateway = start(config=chat_config(upstream, step_settings=engine("of-file")), environment={"FAKE_KEY": FAKE_KEY})
    http = gateway.client()
    create(http, "silent", policy=OPEN)
    create(http, "speaking", policy=OPEN, runtime=patch(**engine("of-profile")))

    def model(profile, *options):
        cli("chat", "hello", "--profile", profile, *options)
        asked = upstream.last.json()["model"]
        resolved = cli.json("profiles", "resolve", profile, *options)["effective"]["step_settings"]
        assert resolved["ai-chat"]["ai-engine"] == asked
        return asked

    flag = ["--override", "ai-chat.ai-engine=of-flag"]
    cli = Commands(gateway, online=online)
    assert [model("silent"), model("speaking")] == ["of-file", "of-profile"]
    assert [model("silent", *flag), model("speaking", *flag)] == ["of-flag", "of-flag"]
    gateway.stop()
    gateway.environment["PROFILE_GATEWAY_STEP_SETTINGS"] = json.dumps(engine("of-environment"))
    if online:
        gateway.start()
    assert [model("silent"), model("speaking")] == ["of-environment", "of-profile"]
    assert [model("silent", *flag), model("speaking", *flag)] == ["of-flag", "of-flag"]


def test_CL_2_where_the_profiles_are_is_the_flags_then_the_environments_then_the_files_word(start, tmp_path):
    """The origin's `--profile-registries` names files; here it is the registry file that a flag can name."""
    made = {}
    for word in ("file", "environment", "flag"):
        made[word] = tmp_path / word / "profiles.db"
        made[word].parent.mkdir(mode=0o700)
        gateway = start(started=False, directory=tmp_path)
        gateway.arguments = [
            "serve", "--listen", gateway.listen, "--data-dir", "./data", "--profile-registry-db", made[word],
        ]  # fmt: skip
        gateway.start()
        create(gateway.client(), f"of-{word}")
        gateway.stop()
    config = tmp_path / "gateway.yaml"
    config.write_text(json.dumps({"profile_registry_db": str(made["file"]), "data_dir": "./data"}))

    def listed(*flags, environment=None):
        status, output, errors = command_line(
            "profiles", "list", "--config", config, *flags, "--format", "json",
            directory=tmp_path, environment=environment,
        )  # fmt: skip
        assert status == 0, errors
        return [item["slug"] for item in json.loads(output) if item["slug"].startswith("of-")]

    said = {"PROFILE_GATEWAY_PROFILE_REGISTRY_DB": str(made["environment"])}
    assert listed() == ["of-file"]
    assert listed(environment=said) == ["of-environment"]
    assert listed("--profile-registry-db", made["flag"], environment=said) == ["of-flag"]
    assert listed("--profile-registry-dsn", f"file:{made['flag']}", environment=said) == ["of-flag"]


@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
def test_LT_4_resolve_shows_layers_and_that_there_is_a_credential_but_never_its_value(start, upstream, online):
    literal = "sk-literal-in-an-older-file"
    config = chat_config(upstream)
    config["secrets"] = {"ours": {"value": "env:OUR_KEY", "upstreams": ["fake"], "tenants": ["default"]}}
    gateway = start(config=config, environment={"FAKE_KEY": FAKE_KEY, "OUR_KEY": "sk-ours"})
    http = gateway.client()
    create_registry(http, "shared")
    create(http, "base", registry="shared", runtime=patch(**{"openai-chat": {"openai-api-key": "secret:ours"}}))
    stacked(http, "leaf", "shared/base", **prompted("You help."))
    create(http, "older", runtime=patch(**{"openai-chat": {"openai-api-key": "secret:ours"}}))
    gateway.stop()
    database.shell(
        gateway.database(),
        f"UPDATE profiles SET document_json = replace(document_json, 'secret:ours', '{literal}') WHERE slug = 'older'",
    )
    gateway.start()
    assert http.post("/chat", {"prompt": "x", "profile": "older"}).status == 200
    assert upstream.last.headers["Authorization"] == f"Bearer {literal}", "the key is there to be printed"
    cli = Commands(gateway, online=online)
    for profile, shown, layers in (
        ("leaf", "secret:ours", ("shared/base@1", "default/leaf@1")),
        ("older", "***", ("default/older@2",)),  # The edit from outside is a version of its own.
    ):
        for options in ([], ["--format", "json"], ["--format", "yaml"]):
            page = cli("profiles", "resolve", profile, *options)
            assert shown in page and "openai-api-key" in page, page
            for key in (literal, FAKE_KEY, "sk-ours"):
                assert key not in page
        tree = cli("profiles", "resolve", profile)
        assert all(layer in tree for layer in layers) and f"← {layers[0]}" in tree, tree
