"""The table that a person reads and the JSON file that a program reads."""

import json
import os
import platform
import subprocess
import time
from pathlib import Path

from .comparisons import Outcome, Plan
from .processes import HERE, PROJECT


def table(outcomes: list[Outcome]) -> str:
    """One line per outcome: median, spread, bound, verdict, and the absolute numbers behind it."""
    rows = [("what", "min", "median", "max", "floor", "verdict", "measured")]
    for outcome in outcomes:
        digits = 2 if outcome.unit == "ratio" else 0
        suffix = "" if outcome.unit == "ratio" else f" {outcome.unit}"
        numbers = [
            f"{value:,.{digits}f}{suffix}" for value in (min(outcome.values), outcome.middle, max(outcome.values))
        ]
        rows.append((outcome.name, *numbers, bound(outcome), verdict(outcome), outcome.note))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = []
    for number, row in enumerate(rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:4], widths[1:4], strict=True)]
        cells += [cell.ljust(width) for cell, width in zip(row[4:6], widths[4:6], strict=True)]
        lines.append("  ".join([*cells, row[6]]).rstrip())
        if number == 0:
            lines.append("-" * max(len(line) for line in lines))
    return "\n".join(lines)


def bound(outcome: Outcome) -> str:
    if outcome.floor is None:
        return ""
    sign = "≤" if outcome.at_most else "≥"
    aim = f" (aim {outcome.aim:g})" if outcome.aim is not None else ""
    return f"{sign} {outcome.floor:,g}{aim}"


def verdict(outcome: Outcome) -> str:
    if outcome.passed is None:
        return "for information"
    return "pass" if outcome.passed else "FALLS SHORT"


def write_json(outcomes: list[Outcome], plan: Plan, load_before: float) -> Path:
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    path = results / time.strftime("%Y%m%d-%H%M%S.json")
    document = {
        "commit": command_output("git", "-C", str(PROJECT), "describe", "--always", "--dirty"),
        "machine": {
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "processor": processor(),
            "load_average_before": load_before,
        },
        "plan": vars(plan),
        "outcomes": [{**vars(outcome), "median": outcome.middle, "passed": outcome.passed} for outcome in outcomes],
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return path


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def command_output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
