"""Which file a command works on: the one it names, or none (gateway.md §2, §10)."""

import pytest

from harness.gateway import command_line
from harness.profiles import create, prompted, slugs


def serving(start, directory, *arguments):
    """A server that runs in `directory`."""
    gateway = start(started=False, directory=directory)
    gateway.arguments = ["serve", "--listen", gateway.listen, *arguments]
    return gateway.start()


@pytest.fixture
def elsewhere(tmp_path):
    """A directory for registry files that lie elsewhere."""
    place = tmp_path / "elsewhere"
    place.mkdir(mode=0o700)
    return place


def mark(gateway, name, tenant=None):
    create(gateway.client(tenant), name, **prompted(name))


COMMANDS = [
    ["profiles", "list"],
    ["profiles", "delete", "kept", "--yes"],
    ["backup"],
    ["chat", "hello"],
]


def test_a_restore_of_another_file_leaves_the_servers_own_alone(start, tmp_path, elsewhere):
    other = elsewhere / "other.db"
    first = serving(start, tmp_path / "b", "--data-dir", "./B", "--profile-registry-db", other)
    mark(first, "others")
    place = ["--data-dir", tmp_path / "b" / "B", "--profile-registry-db", other]
    assert command_line("backup", *place)[0] == 0, "the server of both is asked"
    (backup,) = [path for path in elsewhere.glob("other.db.bak.*") if path.suffix != ".json"]
    assert first.stop() == 0

    second = serving(start, tmp_path / "a", "--data-dir", "./A")
    mark(second, "mine")
    data = tmp_path / "a" / "A"
    before = (data / "tenants/default/profiles.db").stat().st_ino
    for command in [*COMMANDS, ["restore", "--from", backup, "--yes"]]:
        status, output, errors = command_line(*command, "--data-dir", data, "--profile-registry-db", other)
        assert status == 1 and output == "", (command, output, errors)
        assert f"process {second.process.pid} " in errors and str(other) in errors and "--data-dir" in errors, errors
    assert (data / "tenants/default/profiles.db").stat().st_ino == before
    assert "mine" in slugs(second.client()) and "others" not in slugs(second.client())


def test_a_server_of_the_file_with_another_data_directory_is_not_asked(start, tmp_path, elsewhere):
    other = elsewhere / "other.db"
    config = tmp_path / "tenants.yaml"
    config.write_text('{"tenants": {"acme": {}}}')
    owner = serving(start, tmp_path / "b", "--data-dir", "./B", "--profile-registry-db", other, "--config", config)
    mark(owner, "kept", "acme")
    bystander = serving(start, tmp_path / "a", "--data-dir", "./A", "--config", config)
    mark(bystander, "kept", "acme")
    named = ["--profile-registry-db", other, "--config", config, "--tenant", "acme"]
    for data in (tmp_path / "nothing", tmp_path / "a" / "A"):
        for command in COMMANDS[:3]:
            status, output, errors = command_line(*command, "--data-dir", data, *named)
            assert status == 1 and output == "", (command, output, errors)
            assert f"process {owner.process.pid} " in errors and str(data) in errors, errors
    assert not (tmp_path / "nothing").exists()
    assert "kept" in slugs(owner.client("acme")) and "kept" in slugs(bystander.client("acme"))
    # The one that owns both is.
    assert command_line("profiles", "delete", "kept", "--yes", "--data-dir", tmp_path / "b" / "B", *named)[0] == 0
    assert "kept" not in slugs(owner.client("acme"))


@pytest.mark.parametrize("way", ["flag", "environment", "file"])
def test_the_default_tenant_comes_from_where_the_server_has_it(start, tmp_path, elsewhere, way):
    other = elsewhere / "other.db"
    place = ["--data-dir", tmp_path / "a" / "A", "--profile-registry-db", other]
    server = serving(start, tmp_path / "a", *place, "--default-tenant", "main")
    mark(server, "kept")
    config = tmp_path / "main.yaml"
    config.write_text("default_tenant: main\n")
    said = {
        "flag": (["--default-tenant", "main"], {}),
        "environment": ([], {"PROFILE_GATEWAY_DEFAULT_TENANT": "main"}),
        "file": (["--config", config], {}),
    }
    arguments, environment = said[way]
    for running in (True, False):
        if not running:
            assert server.stop() == 0
        status, output, errors = command_line("profiles", "list", *place, *arguments, environment=environment)
        assert status == 0 and "kept" in output, errors
    assert not (tmp_path / "a" / "A" / "tenants" / "default").exists()


def test_a_command_with_another_default_tenant_than_the_servers_says_so(start, tmp_path, elsewhere):
    other = elsewhere / "other.db"
    config = tmp_path / "tenants.yaml"
    config.write_text('{"tenants": {"default": {}}}')
    place = ["--data-dir", tmp_path / "a" / "A"]
    named = [*place, "--profile-registry-db", other]
    server = serving(start, tmp_path / "a", *named, "--default-tenant", "main", "--config", config)
    mark(server, "kept")
    mark(server, "kept", "default")
    delete = ["profiles", "delete", "kept", "--yes"]
    status, _, errors = command_line(*delete, *named)
    assert status == 1 and "as the tenant main" in errors and "--default-tenant main" in errors, errors
    status, _, errors = command_line(*delete, *place)
    assert status == 2 and "--tenant" in errors and "main" in errors, errors
    assert "kept" in slugs(server.client()) and "kept" in slugs(server.client("default"))
    # Where no tenant is meant, or one is named, there is nothing to be wrong about.
    assert command_line("tenant", "list", *place)[0] == 0
    assert command_line(*delete, *place, "--tenant", "default")[0] == 0
    assert "kept" in slugs(server.client()) and "kept" not in slugs(server.client("default"))


# Where nothing is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["profiles", "list"], ["backup"], ["tenant", "list"]])
def test_a_mistyped_registry_file_is_not_made(start, tmp_path, elsewhere, command):
    gateway = start(directory=tmp_path / "a")
    gateway.stop()
    for missing in (elsewhere / "none.db", elsewhere / "typo" / "none.db"):
        for place in (["--profile-registry-db", missing], ["--profile-registry-dsn", f"file:{missing}"]):
            status, output, errors = command_line(*command, "--data-dir", gateway.data, *place)
            assert status == 3 and output == "", (output, errors)
            assert str(missing) in errors and "--profile-registry-db" in errors, errors
    assert list(elsewhere.iterdir()) == []


def test_a_missing_data_directory_is_not_made_for_a_registry_file(start, tmp_path, elsewhere):
    file = elsewhere / "profiles.db"
    server = serving(start, tmp_path / "a", "--data-dir", "./A", "--profile-registry-db", file)
    server.stop()
    before = sorted(elsewhere.iterdir())
    status, output, errors = command_line(
        "profiles", "list", "--data-dir", tmp_path / "none", "--profile-registry-db", file
    )
    assert status == 3 and output == "" and str(tmp_path / "none") in errors and "--data-dir" in errors, errors
    assert not (tmp_path / "none").exists() and sorted(elsewhere.iterdir()) == before
    place = ["--data-dir", tmp_path / "a" / "A", "--profile-registry-db", file]
    assert command_line("profiles", "list", *place)[0] == 0


def test_a_lost_registry_file_can_be_restored_without_a_server(start, tmp_path, elsewhere):
    file = elsewhere / "profiles.db"
    place = ["--data-dir", tmp_path / "a" / "A", "--profile-registry-db", file]
    server = serving(start, tmp_path / "a", *place)
    mark(server, "kept")
    assert command_line("backup", *place)[0] == 0
    (backup,) = [path for path in elsewhere.glob("profiles.db.bak.*") if path.suffix != ".json"]
    server.stop()
    file.unlink()
    status, _, errors = command_line("restore", "--from", backup.name, "--yes", *place)
    assert status == 0, errors
    status, output, _ = command_line("profiles", "list", *place)
    assert status == 0 and "kept" in output
