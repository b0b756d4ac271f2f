"""Runs wrk and reads what it measured."""

import json
import os
import subprocess
from collections import Counter
from dataclasses import dataclass, field
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
    threads: int = 1


@dataclass
class Sample:
    requests_per_second: float
    p50_us: float
    p99_us: float
    # How many answers took up to so many microseconds, where the script counts them.
    counts: Counter = field(default_factory=Counter)


def run(load: Load, url: str, seconds: float) -> Sample:
    """Any answer of 400 and above, and any failed connection, makes the run invalid: it is no measurement."""
    scripts = HERE / "wrk"
    environment = dict(os.environ, BENCH_WRK=str(scripts), BENCH_BODY=str(load.body or ""))
    command = ["wrk", f"-t{load.threads}", f"-c{load.connections}", f"-d{seconds:g}s", "--timeout", "5s"]
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
    counts = Counter()
    for line in done.stdout.splitlines():
        if line.startswith("COUNTS "):
            counts.update({int(key): count for key, count in json.loads(line.removeprefix("COUNTS ")).items()})
    return Sample(rate, result["p50_us"], result["p99_us"], counts)


def percentile(counts: Counter, share: float) -> int:
    """The time in microseconds that so large a share of the counted answers did not exceed."""
    rest = share * counts.total()
    for time, count in sorted(counts.items()):
        rest -= count
        if rest <= 0:
            return time
    raise BenchmarkError("nothing was counted")
