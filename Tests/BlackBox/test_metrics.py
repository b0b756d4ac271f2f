"""What an alarm is raised on (gateway.md §10): `/metrics`, in Prometheus's text format."""

import re

from harness.backups import operator
from harness.waiting import eventually

SAMPLE = re.compile(r'([a-z_]+)(?:\{([a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*)\})? (-?[0-9]+)')


def measured(gateway):
    """Every sample by its name and labels, as they are written; each family is introduced before it."""
    response = gateway.client().get("/metrics")
    assert response.status == 200, response
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found, introduced = {}, set()
    for line in response.text.splitlines():
        if line.startswith("# "):
            introduced.add(line.split()[2])
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        assert match[1] in introduced
        key = f"{match[1]}{{{match[2]}}}" if match[2] else match[1]
        assert key not in found
        found[key] = int(match[3])
    return found


def test_the_states_of_tenants_are_counted_and_the_bad_named(start):
    gateway = start(config={"tenants": {"acme": {}, "beta": {}}})
    for tenant in ("acme", "default"):
        assert gateway.client().get(f"/t/{tenant}/api/chat/profiles").status == 200
    found = measured(gateway)
    assert found['profile_gateway_tenants{state="quarantined"}'] == 0
    assert found['profile_gateway_tenants{state="serving"}'] + found['profile_gateway_tenants{state="closed"}'] == 3
    gateway.database("acme").write_bytes(b"nonsense" * 1000)
    name = 'profile_gateway_tenant_quarantined{tenant="acme"}'
    eventually(lambda: measured(gateway).get(name) == 1, "the quarantine")
    assert measured(gateway)['profile_gateway_tenants{state="quarantined"}'] == 1


def test_scheduled_backups_are_counted_and_the_failing_named(start):
    gateway = start(config={"tenants": {"acme": {}}})
    assert operator(gateway).get("/t/acme/api/chat/profiles").status == 200
    gateway.stop()
    (gateway.tenant_directory("acme") / "backups").write_text("in the way")
    gateway.config = {"backups": {"schedule": "0 3 * * *", "jitter": "0"}, "tenants": {"acme": {}}}
    gateway.start()
    done = "profile_gateway_scheduled_backups_last_run_timestamp_seconds"
    found = eventually(lambda: done in (now := measured(gateway)) and now, "a run")
    assert found['profile_gateway_scheduled_backups_total{outcome="success"}'] == 1
    assert found['profile_gateway_scheduled_backups_total{outcome="failure"}'] == 1
    assert found["profile_gateway_backup_failing_tenants"] == 1
    assert found['profile_gateway_backup_failing{tenant="acme"}'] == 1
    assert found["profile_gateway_backup_overdue_tenants"] == 0


def test_without_a_schedule_nothing_is_failing_or_overdue(http):
    text = http.get("/metrics").text
    assert "profile_gateway_backup_failing_tenants 0\n" in text
    assert "profile_gateway_backup_overdue_tenants 0\n" in text
    assert "last_run" not in text
