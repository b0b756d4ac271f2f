"""`profiles list|show|resolve` and `chat`, with a running server and on its data without one (gateway.md §10)."""

import fcntl
import json
import os
import re
import subprocess
import tempfile
import threading

import pytest

from harness.commands import Commands
from harness.gateway import BINARY, OPERATOR_KEY, REPOSITORY, clean_environment, command_line
from harness.profiles import PROFILES, create, create_registry, prompted
from harness.resolution import OPEN, patch, stacked
from harness.upstream import FAKE_KEY, chat_config, stream
from harness.waiting import eventually

LOCAL = {"ai-chat": {"ai-engine": "gpt-4o-mini", "ai-temperature": 0}}


@pytest.fixture(params=["online", "offline"])
def cli(request, start):
    gateway = start(config={"tenants": {"acme": {}}})
    yield Commands(gateway, online=request.param == "online")


@pytest.fixture
def three_layers(cli):
    """`default/agent-de` on `shared/team` on `shared/base`."""
    http = cli.gateway.client()
    create_registry(http, "shared")
    create(
        http,
        "base",
        registry="shared",
        runtime={"system_prompt": "Answer briefly.", "tools": ["calculator"], **patch(**LOCAL)},
        policy={**OPEN, "limits": {"ai-chat.ai-temperature": {"max": 1.5}}},
    )
    response = http.post(
        f"{PROFILES}?registry=shared",
        {
            "slug": "team",
            "stack": [{"registry_slug": "shared", "profile_slug": "base"}],
            "policy": {**OPEN, "limits": {"ai-chat.ai-temperature": {"max": 1.0}}, "denied_override_keys": ["tools"]},
        },
    )
    assert response.status == 201, response
    stacked(
        http,
        "agent-de",
        "shared/team",
        runtime={
            "system_prompt": "Answer in {{lang}}.",
            "variables": {"lang": {"type": "string", "default": "German"}},
            **patch(**{"ai-chat": {"ai-temperature": 0.2}}),
        },
    )
    return cli


# list and show ----------------------------------------------------------------------------------------------------


def test_list_shows_a_table_of_the_registrys_profiles(cli):
    http = cli.gateway.client()
    create(http, "helper", display_name="The Helper", metadata={"tags": ["support"]})
    table = cli("profiles", "list")
    lines = table.splitlines()
    assert lines[0].split() == ["PROFILE", "NAME", "VERSION", "UPDATED"]
    assert [line.split()[0] for line in lines[1:]] == ["agent", "default", "helper"]
    assert "The Helper" in lines[3] and lines[2].endswith("default")
    assert "\x1b" not in table, "no colours where nobody looks"
    assert [item["slug"] for item in cli.json("profiles", "list", "--tag", "support")] == ["helper"]
    assert [item["slug"] for item in cli.json("profiles", "list", "-q", "HELP")] == ["helper"]
    assert cli("profiles", "list", "--format", "yaml").startswith("- registry: default\n")


def test_list_follows_the_pages(cli):
    http = cli.gateway.client()
    for number in range(1030):
        create(http, f"p{number:04}")
    assert len(cli.json("profiles", "list")) == 1032


def test_list_of_another_registry_and_tenant(cli):
    create_registry(cli.gateway.client("acme"), "shared")
    create(cli.gateway.client("acme"), "base", registry="shared")
    items = cli.json("profiles", "list", "--tenant", "acme", "--registry", "shared")
    assert [item["slug"] for item in items] == ["base"]
    assert "registry not found" in cli("profiles", "list", "--registry", "shared", expect=3)


def test_show_prints_the_profiles_own_document(cli):
    document = create(cli.gateway.client(), "helper", **prompted("You help."))
    assert cli.json("profiles", "show", "helper") == document
    assert cli.json("profiles", "show", "default/helper") == document
    assert "  system_prompt: You help.\n" in cli("profiles", "show", "helper")


@pytest.mark.parametrize(
    "arguments, status, phrase",
    [
        (["profiles", "show", "nobody"], 3, "profile not found"),
        (["profiles", "show", "no/body"], 3, "registry not found"),
        (["profiles", "show", "UPPER_!"], 1, "profile.slug"),
        (["profiles", "list", "--tenant", "nobody"], 3, "tenant not found"),
        (["profiles", "list", "--tenant", "No Body"], 2, "--tenant"),
        (["profiles", "show"], 2, "profile"),
        (["profiles", "show", "a/b/c"], 2, "registry/slug"),
        (["profiles", "show", "a/b", "--registry", "c"], 2, "two registries"),
        (["profiles", "resolve", "agent", "--override", "nonsense"], 2, "name=value"),
        (["profiles", "resolve", "agent", "--overrides", "[1]"], 2, "JSON object"),
        (["chat"], 2, "prompt"),
        (["chat", "x", "--stream", "--format", "yaml"], 2, "--stream"),
    ],
)
def test_failures_have_their_exit_status_and_say_what_is_wrong(cli, arguments, status, phrase):
    assert phrase in cli(*arguments, expect=status)


# resolve ----------------------------------------------------------------------------------------------------------


def test_resolve_shows_each_value_with_the_layer_it_comes_from(three_layers):
    tree = three_layers("profiles", "resolve", "agent-de", "--override", "ai-chat.ai-temperature=0.9")
    assert tree.startswith("default/agent-de version 1\n├─ lineage, base first\n│  ├─ shared/base@1\n")
    lines = [" ".join(line.split()) for line in tree.splitlines()]
    for expected in (
        '├─ system prompt ← request (default/agent-de@1: "Answer in {{lang}}.", shared/base@1: "Answer briefly.")',
        "├─ tools calculator ← shared/base@1",
        '│ ├─ ai-chat.ai-engine "gpt-4o-mini" ← shared/base@1',
        "│ └─ ai-chat.ai-temperature 0.9 ← request (default/agent-de@1: 0.2, shared/base@1: 0)",
        '│ └─ ai-chat.ai-temperature {"max":1.0} ← shared/team@1 (shared/base@1: {"max":1.5})',
        '│ ├─ denied_override_keys ["tools"] ← shared/team@1',
        "├─ upstream echo (echo)",
    ):
        assert expected in lines, f"{expected}\n{tree}"
    assert lines[-1].startswith("└─ fingerprint sha256:")
    assert "Answer in German." in tree


def test_resolve_fills_variables(three_layers):
    assert "Answer in French." in three_layers("profiles", "resolve", "agent-de", "--var", "lang=French")
    assert "Answer in 7." in three_layers("profiles", "resolve", "agent-de", "--var", 'lang="7"')
    three_layers("profiles", "resolve", "agent-de", "--var", "tone=x", expect=1)


def test_resolve_for_machines_is_the_endpoints_answer(three_layers):
    http = three_layers.gateway.client()
    asked = {"profile": "agent-de", "overrides": {"step_settings_patch": {"ai-chat": {"ai-temperature": 0.5}}}}
    answer = http.post("/api/chat/resolve", asked).json()
    for options in (
        ["--override", "ai-chat.ai-temperature=0.5"],
        ["--overrides", json.dumps(asked["overrides"])],
    ):
        status, output, _ = three_layers.run("profiles", "resolve", "agent-de", *options, "--output", "json")
        assert status == 0 and json.loads(output) == answer


@pytest.mark.parametrize(
    "option, refused, rule, layer",
    [
        ("ai-chat.ai-temperature=1.2", "ai-chat.ai-temperature = 1.2", "max 1.0", "shared/team@1"),
        ("tools=[]", "tools = []", "denied_override_keys has tools", "shared/team@1"),
        ("gateway.upstream=x", 'gateway.upstream = "x"', "never", None),
    ],
)
def test_a_refused_override_names_what_was_refused_the_rule_and_its_layer(three_layers, option, refused, rule, layer):
    errors = three_layers("profiles", "resolve", "agent-de", "--override", option, expect=1)
    assert 'policy violation for profile "agent-de"' in errors
    assert f"refused  {refused}\n" in errors and rule in errors, errors
    assert (f"said by  {layer}" in errors) if layer else ("said by" not in errors), errors


def test_a_profile_that_allows_no_override_says_so(cli):
    create(cli.gateway.client(), "locked", policy={"allow_overrides": False})
    errors = cli("profiles", "resolve", "locked", "--override", "system_prompt=x", expect=1)
    assert "rule     allow_overrides: false\n  said by  default/locked@1" in errors, errors


def test_a_terminal_gets_colours_unless_it_does_not_want_them(cli):
    shown, status = cli.on_terminal("profiles", "resolve", "agent")
    assert status == 0 and "\x1b[36m← default/agent@1\x1b[0m" in shown, shown
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown, _ = cli.on_terminal("profiles", "resolve", "agent", environment=environment)
        assert "\x1b" not in shown and "← default/agent@1" in shown


def test_words_of_others_cannot_move_the_terminal(cli):
    create(cli.gateway.client(), "evil", display_name="x\x1b[2Jy", **prompted("a\x1b]0;owned\x07b\u202e"))
    for arguments in (["profiles", "resolve", "evil"], ["profiles", "list"]):
        shown, _ = cli.on_terminal(*arguments, environment={"NO_COLOR": "1"})
        assert not set(shown) & {"\x1b", "\x07", "\u202e"}, shown


# chat -------------------------------------------------------------------------------------------------------------


def test_chat_prints_the_answer(cli):
    create(cli.gateway.client(), "helper", **prompted("You help."))
    answer = cli("chat", "Say hello", "--profile", "helper")
    assert answer.startswith("echo: Say hello\n") and "system: You help." in answer
    assert cli("chat", "Say hello", "--profile", "default/helper", "--stream").startswith("echo: Say hello\n")
    document = cli.json("chat", "Say hello", "--profile", "helper")
    assert document["status"] == "completed" and document["runtime_key"] == "default/helper"
    events = [json.loads(line) for line in cli("chat", "x", "--stream", "--format", "json").splitlines()]
    assert [events[0]["type"], events[-1]["type"]] == ["turn.started", "turn.completed"] and len(events) > 3


def test_chat_fails_as_the_gateway_says(cli):
    create(cli.gateway.client(), "locked", policy={"allow_overrides": False})
    assert "profile not found" in cli("chat", "x", "--profile", "nobody", expect=3)
    refused = cli("chat", "x", "--profile", "locked", "--stream", "--override", "system_prompt=y", expect=1)
    assert "policy violation" in refused


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_chat_streams_as_the_provider_does_and_calls_it_with_its_key(start, upstream, mode):
    gateway = start(config=chat_config(upstream), environment={"FAKE_KEY": FAKE_KEY})
    if mode == "offline":
        gateway.stop()
    more = threading.Event()
    upstream.next(stream(["Hello", " there"], pause=more))
    with subprocess.Popen(
        [str(BINARY), "chat", "hello", "--stream", "--data-dir", gateway.data, "--config", gateway.config_file],
        env=clean_environment(gateway.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert os.read(process.stdout.fileno(), 100) == b"Hello", "the first word is there before the second"
        more.set()
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, b" there\n"), errors
    assert upstream.last.headers["Authorization"] == f"Bearer {FAKE_KEY}"


# Whom it talks to -------------------------------------------------------------------------------------------------


def test_the_running_server_is_asked_whatever_it_listens_on(start, tmp_path):
    socket = tmp_path / "gateway.sock"
    for listen, key in ((f"unix:{socket}", None), ("127.0.0.1:0", OPERATOR_KEY), (":0", OPERATOR_KEY)):
        gateway = start(started=False, operator_key=key, listen=listen)
        gateway.spawn()
        eventually(gateway.listens, "it serves")
        # The key is the server's; the command needs the lock file alone.
        status, output, errors = command_line("profiles", "list", "--data-dir", gateway.data)
        assert status == 0 and "agent" in output, errors
        assert gateway.alive
        gateway.kill()


def test_a_command_needs_none_of_the_servers_secrets(start, upstream):
    gateway = start(config=chat_config(upstream), environment={"FAKE_KEY": FAKE_KEY})
    place = ["--data-dir", gateway.data, "--config", gateway.config_file]
    assert command_line("chat", "hello", *place)[0] == 0, "the server has the key"
    gateway.stop()
    assert command_line("profiles", "list", *place)[0] == 0
    status, _, errors = command_line("chat", "hello", *place)
    assert status == 1 and "FAKE_KEY" in errors, "offline the command is the one that calls"


def test_where_there_is_no_data_nothing_is_made(tmp_path):
    status, _, errors = command_line("profiles", "list", directory=tmp_path)
    assert status == 3 and "no data" in errors and "--data-dir" in errors
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_died_leaves_its_data_to_the_command(start):
    gateway = start()
    create(gateway.client(), "kept")
    gateway.kill()
    assert "kept" in Commands(gateway, online=True)("profiles", "list")
    assert sorted(path.name for path in gateway.tenant_directory().iterdir()) == ["profiles.db", "profiles.db.state"]


def test_a_lock_whose_owner_does_not_serve_is_explained(start, tmp_path):
    gateway = start()
    gateway.stop()
    with open(gateway.data / "lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid()}))
        lock.flush()
        status, _, errors = command_line("profiles", "list", "--data-dir", gateway.data, timeout=60)
    assert status == 1 and f"process {os.getpid()}" in errors and "does not serve" in errors, errors


def test_a_server_that_does_not_answer_is_explained(start):
    gateway = start()
    gateway.stop()
    with open(gateway.data / "lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(json.dumps({"pid": 4711, "url": "http://127.0.0.1:1", "token": "x"}))
        lock.flush()
        status, _, errors = command_line("profiles", "list", "--data-dir", gateway.data, timeout=60)
    assert status == 1 and "http://127.0.0.1:1 (process 4711) cannot be reached" in errors, errors


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_data_of_another_user_are_explained(start):
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        gateway = start(directory=place)
        done = subprocess.run(
            [str(BINARY), "profiles", "list", "--data-dir", str(gateway.data)],
            env=clean_environment(), cwd="/", user="nobody", group="nogroup", capture_output=True, text=True,
        )  # fmt: skip
        gateway.stop()
    assert done.returncode == 1 and "run this command as the user" in done.stderr, done


def test_two_commands_at_once_take_turns(start):
    gateway = start()
    gateway.stop()
    running = [
        subprocess.Popen(
            [str(BINARY), "profiles", "list", "--data-dir", str(gateway.data)],
            env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(6)
    ]  # fmt: skip
    for process in running:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0 and "agent" in output, errors


# Help -------------------------------------------------------------------------------------------------------------


def commands_below(*path):
    """Every command of the program with its help, groups included."""
    status, page, _ = command_line(*path, "--help")
    assert status == 0, path
    yield path, page
    for name in re.findall(r"(?m)^  ([a-z-]+) .*$", page.partition("SUBCOMMANDS:\n")[2]):
        yield from commands_below(*path, name)


def test_every_command_has_help_with_an_example_of_itself():
    pages = dict(commands_below())
    assert len(pages) > 25
    for path, page in pages.items():
        assert "EXAMPLES:" in page or path == ("config",), path
        if path not in ((), ("config",)):
            assert f"profile-gateway {' '.join(path)}" in page.partition("EXAMPLES:")[2], path
        prints = "SUBCOMMANDS" not in page and path[0] not in ("serve", "web-chat")
        assert ("--format" in page) == prints, path


def test_every_command_is_on_the_page_about_commands():
    page = (REPOSITORY / "docs/cli.md").read_text()
    for path in (path for path, page in commands_below() if path and "SUBCOMMANDS" not in page):
        assert f"`{' '.join(path)}`" in page, path
