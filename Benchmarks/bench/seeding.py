"""A data directory of many tenants: one registry is made through the API, its closed file is copied for the others."""

import os
import shutil
import urllib.request
from pathlib import Path

from .processes import BenchmarkError, call, start_gateway

DOCUMENT_BYTES = 600


def seed(binary: Path, data: Path, mock_port: int, directory: Path, tenants: int, profiles: int) -> None:
    """After this `data` holds the tenants t0000… with the profiles profile-000…, each document of 600 bytes."""
    gateway = start_gateway(binary, data, mock_port, directory)
    try:
        base = gateway.url + "/api/chat/profiles"
        for number in range(profiles):
            create(base, f"profile-{number:03d}")
    finally:
        gateway.stop()
    registry = data / "tenants" / "default" / "profiles.db"
    left = [name.name for name in registry.parent.iterdir() if name.name.endswith(("-wal", "-shm"))]
    if left:
        raise BenchmarkError(f"side files are left after a clean stop, so the file cannot be copied: {left}")
    for number in range(tenants):
        home = data / "tenants" / f"t{number:04d}"
        home.mkdir(mode=0o700)
        copy = home / "profiles.db"
        shutil.copyfile(registry, copy)
        os.chmod(copy, 0o600)


def create(base: str, slug: str) -> None:
    """Creates a profile whose GET answer has DOCUMENT_BYTES bytes: the prompt is padded by what the first try lacks."""
    document = {"slug": slug, "display_name": slug, "runtime": {"system_prompt": "Answer briefly."}}
    status, made = call("POST", base, document)
    if status != 201:
        raise BenchmarkError(f"creating {slug} answers {status}: {made}")
    missing = DOCUMENT_BYTES - document_length(f"{base}/{slug}")
    prompt = "Answer briefly." + "x" * max(missing, 0)
    status, changed = call("PATCH", f"{base}/{slug}", {"runtime": {"system_prompt": prompt}})
    if status != 200:
        raise BenchmarkError(f"padding {slug} answers {status}: {changed}")


def document_length(url: str) -> int:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return len(answer.read())
