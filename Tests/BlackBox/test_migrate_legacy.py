"""`profiles migrate-legacy`: flags, lines and files (origin §6.2; D63, D68)."""

import json
import os
import re
from typing import NamedTuple

import pytest

from harness.database import mode
from harness.gateway import command_line

LEGACY = """\
default: {ai-chat: {ai-engine: gpt-4o-mini}}
agent: {ai-chat: {ai-engine: gpt-4.1, ai-temperature: 0.10}}
"""
BUNDLE = "registries: {team: {default_profile_slug: a, profiles: {a: {}, b: {}}}}\n"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "profiles.yaml").write_text(LEGACY)
    return tmp_path


class Done(NamedTuple):
    status: int
    stdout: str
    stderr: str


def migrate(place, *arguments, status=0, **more):
    done = Done(*command_line("profiles", "migrate-legacy", *arguments, directory=place, **more))
    assert done.status == status, done
    return done


def lines(done):
    return dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)


def names(place):
    return sorted(path.name for path in place.iterdir())


def test_MI_1_a_legacy_file_becomes_a_bundle(place):
    done = migrate(place, "--input", "profiles.yaml", "--output", "out.yaml")
    assert done.stdout.splitlines() == [
        "Input: profiles.yaml",
        "Input format: legacy-map",
        "Output: out.yaml",
        "Registries: 1",
        "Profiles: 2",
    ]
    text = (place / "out.yaml").read_text()
    assert text.startswith("registries:\n  default:\n    slug: default\n    default_profile_slug: default\n")
    assert "step_settings_patch:" in text and "agent:" in text and "ai-temperature: 0.10" in text
    assert mode(place / "out.yaml") == "0o644" and (place / "profiles.yaml").read_text() == LEGACY
    # What was written is a bundle: migrating it again changes nothing in it.
    again = migrate(place, "--input", "out.yaml", "--output", "again.yaml")
    assert lines(again)["Input format"] == "canonical-registries"
    assert (place / "again.yaml").read_text() == text


def test_YA_5_missing_directories_are_made_and_the_default_output_is_beside_the_input(place):
    migrate(place, "--input", "profiles.yaml", "--output", "new/deep/out.yaml", "--registry", "Team")
    assert "\n  team:\n    slug: team\n" in (place / "new/deep/out.yaml").read_text()
    migrate(place, "--input", "profiles.yaml")
    assert (place / "profiles.yaml.registry.yaml").exists()


@pytest.mark.case("YA-7")
def test_MI_2_in_place_keeps_the_original_bytes(place):
    done = migrate(place, "--input", "profiles.yaml", "--in-place")
    backup = lines(done)["Backup"]
    assert re.fullmatch(r"profiles\.yaml\.bak\.\d{8}-\d{6}", backup)
    assert (place / backup).read_text() == LEGACY and mode(place / backup) == "0o600"
    assert (place / "profiles.yaml").read_text().startswith("registries:")
    assert names(place) == ["profiles.yaml", backup], "no temporary file is left"


def test_D63_a_backup_never_replaces_another(place):
    backups = set()
    for round in range(3):
        (place / "profiles.yaml").write_text(f"round{round}: {{}}\n")
        backups.add(lines(migrate(place, "--input", "profiles.yaml", "--in-place"))["Backup"])
    assert len(backups) == 3
    assert {(place / name).read_text() for name in backups} == {f"round{n}: {{}}\n" for n in range(3)}
    assert all(mode(place / name) == "0o600" for name in backups)


def test_D68_a_fixed_temporary_name_is_in_nobodys_way(place):
    """The origin wrote `<path>.tmp`: a link or directory of that name broke the write, or led it elsewhere."""
    (place / "victim").write_text("mine")
    (place / "out.yaml.tmp").symlink_to(place / "victim")
    (place / "profiles.yaml.tmp").mkdir()
    migrate(place, "--input", "profiles.yaml", "--output", "out.yaml")
    migrate(place, "--input", "profiles.yaml", "--in-place")
    assert (place / "victim").read_text() == "mine"
    assert (place / "out.yaml").read_text() == (place / "profiles.yaml").read_text()
    backup = [name for name in names(place) if ".bak." in name]
    assert names(place) == sorted(["out.yaml", "out.yaml.tmp", "profiles.yaml", "profiles.yaml.tmp", "victim", *backup])


def test_without_backup_there_is_none(place):
    migrate(place, "--input", "profiles.yaml", "--in-place", "--no-backup-in-place")
    assert names(place) == ["profiles.yaml"]


def test_MI_3_a_dry_run_prints_and_writes_nothing(place):
    (place / "out.yaml").write_text("mine")
    done = migrate(place, "--input", "profiles.yaml", "--output", "out.yaml", "--dry-run")
    assert done.stdout.startswith("registries:\n  default:\n")
    assert names(place) == ["out.yaml", "profiles.yaml"] and (place / "out.yaml").read_text() == "mine"


@pytest.mark.parametrize("skip", [[], ["--skip-if-not-legacy"]])
def test_MI_5_what_is_no_yaml_is_an_error(place, skip):
    (place / "profiles.yaml").write_text("registries: [")
    done = migrate(place, "--input", "profiles.yaml", *skip, status=1)
    assert "decode profiles YAML" in done.stderr and "line" in done.stderr
    assert names(place) == ["profiles.yaml"]


def test_MI_7_an_output_that_is_there_needs_force(place):
    (place / "out.yaml").write_text("mine")
    done = migrate(place, "--input", "profiles.yaml", "--output", "out.yaml", status=1)
    assert "output file already exists: out.yaml (use --force)" in done.stderr
    assert (place / "out.yaml").read_text() == "mine"
    migrate(place, "--input", "profiles.yaml", "--output", "out.yaml", "--force")
    assert (place / "out.yaml").read_text().startswith("registries:")
    refused = migrate(place, "--input", "profiles.yaml", "--output", "./profiles.yaml", "--force", status=1)
    assert "use --in-place" in refused.stderr


@pytest.mark.parametrize(
    "text, label", [(BUNDLE, "canonical-registries"), ("slug: team\nprofiles: {a: {}}\n", "single-registry")]
)
def test_skip_leaves_what_has_registries_alone(place, text, label):
    (place / "profiles.yaml").write_text(text)
    done = migrate(place, "--input", "profiles.yaml", "--skip-if-not-legacy")
    assert lines(done)["Input format"] == label and "No output written" in done.stdout
    assert names(place) == ["profiles.yaml"]
    assert lines(migrate(place, "--input", "profiles.yaml"))["Input format"] == label


@pytest.mark.parametrize("text", ["", "{}\n", "# nothing\n"])
@pytest.mark.parametrize("skip", [[], ["--skip-if-not-legacy"]])
def test_an_empty_file_is_an_error_also_with_skip(place, text, skip):
    (place / "profiles.yaml").write_text(text)
    assert "profiles.yaml is empty" in migrate(place, "--input", "profiles.yaml", *skip, status=1).stderr


def test_every_problem_is_told_with_its_line_and_nothing_is_written(place):
    (place / "profiles.yaml").write_text("good: {ai-chat: {}}\nbad slug: {}\nother: 7\n")
    done = migrate(place, "--input", "profiles.yaml", status=1)
    assert "line 2" in done.stderr and 'profile slug "bad slug" is invalid' in done.stderr
    assert "line 3" in done.stderr and 'legacy profile "other" must map to section settings' in done.stderr
    assert names(place) == ["profiles.yaml"]


def test_the_default_input_is_the_users(place):
    directory = place / "config" / "pinocchio"
    directory.mkdir(parents=True)
    (directory / "profiles.yaml").write_text(LEGACY)
    done = migrate(place, "--dry-run", environment={"XDG_CONFIG_HOME": str(place / "config")})
    assert "agent:" in done.stdout
    missing = migrate(place, "--dry-run", status=1, environment={"XDG_CONFIG_HOME": str(place / "none")})
    assert "none/pinocchio/profiles.yaml" in missing.stderr


def test_nobody_may_read_the_output_who_could_not_read_the_input(place):
    os.chmod(place / "profiles.yaml", 0o600)
    migrate(place, "--input", "profiles.yaml", "--output", "out.yaml")
    assert mode(place / "out.yaml") == "0o600"


def test_usage_errors(place):
    assert migrate(place, "--input", "profiles.yaml", "--registry", "a b", status=2).stderr
    assert migrate(place, "--in-place", "--output", "x", "--input", "profiles.yaml", status=2).stderr


def test_the_outcome_for_machines(place):
    """`--format` as everywhere (gateway.md §10); a dry run carries the bundle."""
    dry = json.loads(migrate(place, "--input", "profiles.yaml", "--dry-run", "--format", "json").stdout)
    assert dry["bundle"] == migrate(place, "--input", "profiles.yaml", "--dry-run").stdout
    told = {"input": "profiles.yaml", "input_format": "legacy-map", "backup": None, "registries": 1, "profiles": 2}
    assert dry == told | {"output": None, "bundle": dry["bundle"]}
    done = migrate(place, "--input", "profiles.yaml", "--format", "yaml").stdout.splitlines()
    assert {"input_format: legacy-map", "output: profiles.yaml.registry.yaml", "backup: null"} <= set(done), done
    assert (place / "profiles.yaml.registry.yaml").read_text() == dry["bundle"]
