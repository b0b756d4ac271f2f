"""Runs wrk (one thread) and reads what it measured."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .processes import HERE, BenchmarkError


@dataclass
class Load:
    """What one wrk run is: which script, how many connections, against which path."""

    script: str
    path: str
    connections: int
    arguments: tuple = ()
    body: Path | None = None


@dataclass
class Sample:
    requests_per_second: float
    p50_us: float
    p99_us: float


def run(load: Load, url: str, seconds: float) -> Sample:
    """Any answer of 400 and above, and any failed connection, makes the run invalid: it is no measurement."""
    scripts = HERE / "wrk"
    environment = dict(os.environ, BENCH_WRK=str(scripts), BENCH_BODY=str(load.body or ""))
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{seconds:g}s", "--timeout", "5s"]
    command += ["-s", str(scripts / f"{load.script}.lua"), url + load.path]
    if load.arguments:
        command += ["--", *map(str, load.arguments)]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds + 60
    )
    marked = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode != 0 or not marked:
        raise BenchmarkError(f"wrk failed: {' '.join(command)}\n{done.stdout}{done.stderr}")
    result = json.loads(marked[-1].removeprefix("RESULT "))
    if result["status_errors"] or result["socket_errors"] or not result["requests"]:
        raise BenchmarkError(f"not a measurement, {result}: {' '.join(command)}")
    rate = result["requests"] / (result["duration_us"] / 1e6)
    return Sample(rate, result["p50_us"], result["p99_us"])
