"""`profiles create|delete|history|diff|rollback|edit`, with a running server and without one (gateway.md §5, §10)."""

import re
import stat
import sys
import threading
import time

import pytest

from harness.commands import Commands
from harness.profiles import PROFILES, create, create_registry, prompted, read
from harness.resolution import stacked

KEPT = re.compile(r"your text is kept in (\S+)")


@pytest.fixture(params=["online", "offline"])
def cli(request, start):
    yield Commands(start(), online=request.param == "online")


@pytest.fixture
def changed(cli):
    """`helper`, with three versions."""
    http = cli.gateway.client()
    create(http, "helper", **prompted("First."))
    for prompt in ("Second.", "Third."):
        assert http.patch(f"{PROFILES}/helper", {"runtime": {"system_prompt": prompt}}).status == 200
    return cli


# create -----------------------------------------------------------------------------------------------------------


def test_create_from_options(cli):
    create_registry(cli.gateway.client(), "shared")
    create(cli.gateway.client(), "base", registry="shared")
    told = cli(
        "profiles", "create", "helper", "--prompt", "You help.", "--display-name", "The Helper", "--stack",
        "shared/base", "--set-default",
    )  # fmt: skip
    assert told == "created default/helper, version 1\n"
    document = cli.json("profiles", "show", "helper")
    assert document["is_default"] and document["display_name"] == "The Helper"
    assert document["runtime"]["system_prompt"] == "You help."
    assert document["stack"] == [{"registry_slug": "shared", "profile_slug": "base"}]
    assert document["metadata"]["created_by"] == "operator"
    assert "exists" in cli("profiles", "create", "helper", expect=4)


def test_create_from_a_document_that_show_printed(cli, tmp_path):
    create(cli.gateway.client(), "model", metadata={"tags": ["x"]}, description="d", **prompted("Yes: no"))
    for options in (["--format", "json"], ["--format", "yaml"], []):
        file = tmp_path / "document"
        file.write_text(cli("profiles", "show", "model", *options))
        name = "copy" + (options[1] if options else "")
        cli("profiles", "create", name, "--file", file)
        model, copy = cli.json("profiles", "show", "model"), cli.json("profiles", "show", name)
        for own in ("slug", "metadata"):
            del model[own], copy[own]
        assert copy == model


def test_create_says_what_is_wrong_with_a_document(cli, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("runtime:\n  system_prompt: [\n")
    assert f"{file}: invalid YAML in line" in cli("profiles", "create", "x", "--file", file, expect=1)
    file.write_text("runtime: {tools: [1]}\n")
    assert "runtime.tools[0]" in cli("profiles", "create", "x", "--file", file, expect=1)
    file.write_text("- a\n")
    assert "a mapping of fields is needed" in cli("profiles", "create", "x", "--file", file, expect=1)
    assert "No such file" in cli("profiles", "create", "x", "--file", tmp_path / "nothing", expect=3)
    assert "profile not found" in cli("profiles", "show", "x", expect=3)


# delete -----------------------------------------------------------------------------------------------------------


def test_delete(cli):
    http = cli.gateway.client()
    create(http, "helper")
    stacked(http, "upper", "helper")
    assert "upper" in cli("profiles", "delete", "helper", expect=4)
    assert "version conflict" in cli("profiles", "delete", "upper", "--expected-version", 7, expect=4)
    assert cli.json("profiles", "delete", "upper") == {"registry": "default", "slug": "upper", "deleted": True}
    assert "default" in cli("profiles", "delete", "default", expect=4)
    cli("profiles", "delete", "default", "--new-default", "helper")
    assert [item["slug"] for item in cli.json("profiles", "list")] == ["agent", "helper"]


def test_delete_asks_on_a_terminal(cli):
    create(cli.gateway.client(), "helper")
    shown, status = cli.on_terminal("profiles", "delete", "helper", answers=["what", "n"])
    assert status == 1 and "Delete helper?" in shown and "nothing was changed" in shown
    _, status = cli.on_terminal("profiles", "delete", "helper", answers=["y"])
    assert status == 0
    cli("profiles", "show", "helper", expect=3)


def test_a_read_only_profile_needs_the_override(cli):
    create(cli.gateway.client(), "fixed", policy={"read_only": True})
    assert "read-only" in cli("profiles", "delete", "fixed", expect=1)
    cli("profiles", "delete", "fixed", "--override-read-only")


# history, diff, rollback ------------------------------------------------------------------------------------------


def test_history_lists_the_versions(changed):
    lines = changed("profiles", "history", "helper").splitlines()
    assert [line.split()[0] for line in lines] == ["VERSION", "3", "2", "1"]
    assert "create" in lines[3] and "update" in lines[1]
    assert len(changed.json("profiles", "history", "helper", "--limit", 2)) == 2
    changed("profiles", "history", "nobody", expect=3)


def test_diff_shows_what_changed(changed):
    last = changed("profiles", "diff", "helper")
    assert '-    "system_prompt": "Second."' in last and '+    "system_prompt": "Third."' in last
    assert '-    "system_prompt": "First."' in changed("profiles", "diff", "helper", 1)
    assert '+    "system_prompt": "Second."' in changed("profiles", "diff", "helper", 1, 2)
    assert {"op": "replace", "path": "/runtime/system_prompt", "value": "Second."} in changed.json(
        "profiles", "diff", "helper", 1, 2
    )["patch"]
    changed("profiles", "diff", "helper", 1, 9, expect=3)
    shown, _ = changed.on_terminal("profiles", "diff", "helper")
    assert '\x1b[32m+    "system_prompt": "Third."\x1b[0m' in shown, shown


def test_rollback_makes_the_old_content_a_new_version(changed):
    assert "version conflict" in changed("profiles", "rollback", "helper", 1, "--expected-version", 2, expect=4)
    told = changed("profiles", "rollback", "helper", 1, "--expected-version", 3)
    assert told == "rolled back to version 1: default/helper, version 4\n"
    assert changed.json("profiles", "show", "helper")["runtime"]["system_prompt"] == "First."
    changed("profiles", "rollback", "helper", 9, expect=3)
    changed("profiles", "delete", "helper")
    changed("profiles", "rollback", "helper", 2)
    assert changed.json("profiles", "show", "helper")["runtime"]["system_prompt"] == "Second."


def test_rollback_shows_the_change_and_asks_on_a_terminal(changed):
    shown, status = changed.on_terminal("profiles", "rollback", "helper", 1, answers=["n"])
    assert status == 1 and '+    "system_prompt": "First."' in shown
    shown, status = changed.on_terminal("profiles", "rollback", "helper", 1, answers=["y"])
    assert status == 0, shown
    assert changed.json("profiles", "show", "helper")["runtime"]["system_prompt"] == "First."


# edit -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def editor(tmp_path):
    """Makes editors: `$EDITOR` commands that run Python with `path` and `text` of the file at hand."""

    def make(*turns):
        script = tmp_path / "editor.py"
        count = tmp_path / "editor.count"
        count.write_text("0")
        script.write_text(
            "import pathlib, sys\n"
            "path = pathlib.Path(sys.argv[1])\n"
            f"count = pathlib.Path({str(count)!r})\n"
            "turn = int(count.read_text())\n"
            "count.write_text(str(turn + 1))\n"
            "text = path.read_text()\n"
            f"exec({list(turns)!r}[turn])\n"
        )
        return {"EDITOR": f"{sys.executable} {script}", "TMPDIR": str(tmp_path), "VISUAL": ""}

    return make


def replacing(old, new):
    return f"assert {old!r} in text, text\npath.write_text(text.replace({old!r}, {new!r}))"


def prompting(gateway, prompt):
    """An editor's turn that lets somebody else change the profile first."""
    return (
        f"import sys; sys.path.insert(0, {str(sys.path[0])!r})\n"
        "import http.client, json\n"
        f"c = http.client.HTTPConnection('127.0.0.1', {gateway.port})\n"
        f"c.request('PATCH', '{PROFILES}/helper', json.dumps({{'display_name': {prompt!r}, "
        f"'runtime': {{'system_prompt': {prompt!r}}}}}), {{'Content-Type': 'application/json'}})\n"
        "assert c.getresponse().status == 200\n"
    )


def left_over(tmp_path):
    return sorted(path for path in tmp_path.iterdir() if path.name.startswith("profile-gateway-"))


def test_edit_writes_what_the_editor_saved(changed, editor, tmp_path):
    look = "import stat\nassert stat.S_IMODE(path.stat().st_mode) == 0o600\nassert path.suffix == '.yaml'\n"
    environment = editor(look + replacing("Third.", "Edited."))
    status, output, errors = changed.run("profiles", "edit", "helper", environment=environment)
    assert status == 0 and output == "wrote default/helper, version 4\n", errors
    assert "-  system_prompt: Third." in errors and "+  system_prompt: " in errors
    document = changed.json("profiles", "show", "helper")
    assert document["runtime"]["system_prompt"] == "Edited."
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("turn", ["", "path.write_text('# nothing\\n')", "path.write_text('# more\\n' + text)"])
def test_edit_of_nothing_changes_nothing(changed, editor, tmp_path, turn):
    told = changed("profiles", "edit", "helper", environment=editor(turn or "pass"))
    assert told == "nothing changed\n" and left_over(tmp_path) == []
    assert changed.json("profiles", "show", "helper")["metadata"]["version"] == 3


@pytest.mark.parametrize(
    "turn, status, phrase",
    [
        (replacing("Third.", "[Third."), 1, "invalid YAML in line"),
        (replacing("system_prompt", "system_promt"), 1, "system_promt"),
        ("path.write_text(text + 'more: 1')\nsys.exit(7)", 1, "ended with status 7"),
        ("path.write_text('- a list')", 1, "a mapping of fields is needed"),
    ],
)
def test_edit_never_loses_the_text(changed, editor, tmp_path, turn, status, phrase):
    errors = changed("profiles", "edit", "helper", environment=editor(turn), expect=status)
    assert phrase in errors
    (kept,) = left_over(tmp_path)
    assert KEPT.search(errors)[1] == str(kept) and stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert changed.json("profiles", "show", "helper")["metadata"]["version"] == 3


def test_edit_with_no_editor_says_so(changed, tmp_path):
    environment = {"EDITOR": str(tmp_path / "nothing"), "VISUAL": "", "TMPDIR": str(tmp_path)}
    assert "set VISUAL or EDITOR" in changed("profiles", "edit", "helper", environment=environment, expect=1)


def test_edit_of_a_profile_that_is_not_there(cli, editor):
    assert "kept" not in cli("profiles", "edit", "nobody", environment=editor("pass"), expect=3)


def test_edit_is_a_conflict_where_nobody_can_be_asked(start, editor, tmp_path):
    gateway = start()
    create(gateway.client(), "helper", **prompted("First."))
    cli = Commands(gateway, online=True)
    environment = editor(prompting(gateway, "Theirs.") + replacing("First.", "Mine."))
    errors = cli("profiles", "edit", "helper", environment=environment, expect=4)
    assert "it was version 1 and is version 2 now" in errors and "+  system_prompt: Theirs." in errors
    (kept,) = left_over(tmp_path)
    assert "Mine." in kept.read_text() and str(kept) in errors
    assert read(gateway.client(), "helper")["runtime"]["system_prompt"] == "Theirs."


@pytest.mark.parametrize("answer, prompt", [("m", "Mine."), ("e", "Both."), ("a", "Theirs.")])
def test_edit_shows_both_sides_of_a_conflict_and_asks(start, editor, tmp_path, answer, prompt):
    gateway = start()
    create(gateway.client(), "helper", **prompted("First."))
    environment = editor(
        prompting(gateway, "Theirs.") + replacing("First.", "Mine."),
        "assert '# +  system_prompt: Theirs.' in text, text\n" + replacing("prompt: Mine.", "prompt: Both."),
    )
    answers = {"m": ["y", "m"], "e": ["y", "e", "y"], "a": ["y", "a"]}[answer]
    shown, status = Commands(gateway, online=True).on_terminal(
        "profiles", "edit", "helper", environment={**environment, "NO_COLOR": "1"}, answers=answers
    )
    assert "Their change:" in shown and "both changed /runtime/system_prompt" in shown, shown
    document = read(gateway.client(), "helper")
    assert document["runtime"]["system_prompt"] == prompt
    assert document["display_name"] == "Theirs.", "what only they changed stays in each case"
    assert status == (1 if answer == "a" else 0), shown
    assert len(left_over(tmp_path)) == (1 if answer == "a" else 0)


def test_edit_goes_on_when_only_the_default_changed_meanwhile(start, editor):
    gateway = start()
    create(gateway.client(), "helper", **prompted("First."))
    meanwhile = (
        "import http.client\n"
        f"c = http.client.HTTPConnection('127.0.0.1', {gateway.port})\n"
        f"c.request('POST', '{PROFILES}/helper/default', '{{}}', {{'Content-Type': 'application/json'}})\n"
        "assert c.getresponse().status == 200\n"
    )
    Commands(gateway, online=True)(
        "profiles", "edit", "helper", environment=editor(meanwhile + replacing("First.", "Mine."))
    )
    document = read(gateway.client(), "helper")
    assert document["runtime"]["system_prompt"] == "Mine." and document["is_default"]


def test_edit_holds_no_data_while_the_editor_is_open_and_finds_the_server_that_came(start, editor):
    gateway = start()
    create(gateway.client(), "helper", **prompted("First."))
    gateway.stop()
    ready = gateway.directory / "served"
    # The editor waits for a server to start on the same data, which it could not if the command held them.
    turn = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        f"while pathlib.Path({str(ready)!r}).exists(): time.sleep(0.02)\n"
    ) + replacing("First.", "Mine.")

    def serve():
        while not ready.exists():
            time.sleep(0.02)
        gateway.start()
        ready.unlink()

    thread = threading.Thread(target=serve)
    thread.start()
    Commands(gateway, online=True)("profiles", "edit", "helper", environment=editor(turn))
    thread.join()
    assert gateway.alive and read(gateway.client(), "helper")["runtime"]["system_prompt"] == "Mine."
