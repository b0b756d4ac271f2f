"""deploy/systemd as systemd itself sees it; needs no running systemd."""

import shutil
import subprocess

import pytest
from harness.gateway import BINARY, REPOSITORY

UNIT = REPOSITORY / "deploy/systemd/profile-gateway.service"

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")


@pytest.fixture
def unit(tmp_path):
    """The unit with the program where it is here, because systemd-analyze looks for it."""
    text = UNIT.read_text()
    assert text.count("ExecStart=/usr/local/bin/profile-gateway ") == 1
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace("ExecStart=/usr/local/bin/profile-gateway ", f"ExecStart={BINARY} "))
    return copy


def test_systemd_finds_no_fault_with_the_unit(unit):
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_is_hardened(unit):
    # The scale goes from 0 (nothing exposed) to 100; a unit that sets nothing has 96.
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
