"""The operator's and a tenant's backups over HTTP, and their files on the disk."""

import json

ADMIN = "/admin/tenants/default"
OWN = "/api/tenant"


def operator(gateway):
    """A client with the token of the lock file, as the command line has it."""
    return gateway.client(key=json.loads((gateway.data / "lock").read_text())["token"])


def directory(gateway, tenant="default"):
    return gateway.tenant_directory(tenant) / "backups"


def take(http, where=ADMIN, body=None):
    """Takes a backup; the first file's document."""
    response = http.post(f"{where}/backups", body) if body else http.request("POST", f"{where}/backups")
    assert response.status == 201, response
    return response.json()["backups"][0]


def restore(http, name, where=ADMIN, **more):
    response = http.post(f"{where}/restore", {"from": str(name), **more})
    assert response.status == 200, response
    return response.json()


def names(http, where=ADMIN):
    response = http.get(f"{where}/backups")
    assert response.status == 200, response
    return [item["name"] for item in response.json()]


def temporaries(gateway):
    """What only a run under way, or a dead one, leaves."""
    marks = (".part", "restoring", ".copying")
    return sorted(str(p.relative_to(gateway.data)) for p in gateway.data.rglob("*") if any(m in p.name for m in marks))
