"""`profiles export` and `import`, with a running server and without one (gateway.md §5, §10)."""

import json
import sqlite3

import pytest

from harness.commands import Commands
from harness.profiles import create, create_registry, prompted


@pytest.fixture(params=["online", "offline"])
def cli(request, start):
    yield Commands(start(config={"tenants": {"acme": {}}}), online=request.param == "online")


@pytest.fixture
def filled(cli):
    http = cli.gateway.client()
    create_registry(http, "shared")
    create(http, "base", registry="shared", extensions={"app.n@v1": {"exact": 1}}, **prompted("Base."))
    create(http, "leaf", stack=[{"registry_slug": "shared", "profile_slug": "base"}])
    return cli


def content(cli, *options):
    """All registries without what the server owns in them."""
    document = json.loads(cli("profiles", "export", "--format", "json", *options))
    for registry in document["registries"].values():
        for part in (registry, *registry["profiles"].values()):
            part.pop("metadata", None)
    return document


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_what_was_exported_imports_into_another_tenant(filled, form, tmp_path):
    file = tmp_path / f"all.{form}"
    assert filled("profiles", "export", "--format", form, "--to", file) == f"wrote {file}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert filled("profiles", "export", "--format", form) == file.read_text()
    told = filled("profiles", "import", file, "--tenant", "acme", "--dry-run")
    assert "a dry run: nothing was changed" in told and "shared: created" in told
    filled("profiles", "list", "--tenant", "acme", "--registry", "shared", expect=3)
    told = filled("profiles", "import", file, "--tenant", "acme")
    assert "shared: created, version" in told and "1 created, 2 unchanged" in told, told
    assert content(filled, "--tenant", "acme") == content(filled)


def test_one_registry_goes_alone_and_replace_removes_the_rest(filled, tmp_path):
    file = tmp_path / "shared.json"
    filled("profiles", "export", "--registry", "shared", "--format", "json", "--to", file)
    document = json.loads(file.read_text())
    assert list(document["profiles"]) == ["base"]
    document["profiles"]["other"] = {"slug": "other"}
    file.write_text(json.dumps(document))
    assert "1 created, 1 unchanged" in filled("profiles", "import", file, "--registry", "shared")
    del document["profiles"]["other"]
    file.write_text(json.dumps(document))
    report = filled.json("profiles", "import", file, "--registry", "shared", "--mode", "replace")
    assert [item["slug"] for item in report["removed"]] == ["other"]


def test_an_import_says_every_problem_with_its_line_and_changes_nothing(filled, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(
        "slug: shared\nprofiles:\n  fine: {}\n  a:\n    runtime:\n      tools: ['']\n  b:\n    nonsense: 1\n"
    )
    errors = filled("profiles", "import", file, expect=1)
    assert "nothing was imported: 2 problems" in errors
    assert f"{file}:6: " in errors and f"{file}:8: " in errors and "registry.profiles[a].runtime.tools[0]" in errors
    assert [item["slug"] for item in filled.json("profiles", "list", "--registry", "shared")] == ["base"]


def test_a_file_that_is_there_is_replaced_only_when_asked(filled, tmp_path):
    file = tmp_path / "all.yaml"
    file.write_text("precious")
    assert "--force" in filled("profiles", "export", "--to", file, expect=4)
    assert file.read_text() == "precious" and list(tmp_path.glob("all.yaml?*")) == []
    filled("profiles", "export", "--to", file, "--force")
    assert file.read_text() != "precious"


def test_export_for_the_origin(filled, tmp_path):
    file = tmp_path / "origin.db"
    filled("profiles", "export", "--format", "origin-sqlite", "--to", file)
    with sqlite3.connect(file) as database:
        rows = dict(database.execute("SELECT slug, payload_json FROM profile_registries"))
    assert list(json.loads(rows["shared"])["profiles"]) == ["base"]
    assert "slug: shared\n" in filled("profiles", "export", "--format", "origin-yaml", "--registry", "shared")
    assert "one by one" in filled("profiles", "export", "--format", "origin-yaml", expect=1)


@pytest.mark.parametrize(
    "arguments, status, phrase",
    [
        (["profiles", "export", "--registry", "nobody"], 3, "registry not found"),
        (["profiles", "export", "--format", "origin-sqlite", "--registry", "x"], 2, "--registry"),
        (["profiles", "export", "--format", "xml"], 2, "xml"),
        (["profiles", "export", "--to", "/nowhere/at/all"], 1, "cannot create /nowhere/at/all"),
        (["profiles", "import", "/nowhere/at/all"], 3, "No such file"),
        (["profiles", "import"], 2, "file"),
        (["profiles", "import", "/dev/null"], 1, "empty"),
    ],
)
def test_failures_have_their_exit_status_and_say_what_is_wrong(cli, arguments, status, phrase):
    assert phrase in cli(*arguments, expect=status)


def test_a_database_does_not_go_to_a_terminal(cli):
    shown, status = cli.on_terminal("profiles", "export", "--format", "origin-sqlite")
    assert status == 2 and "name a file with --to" in shown
