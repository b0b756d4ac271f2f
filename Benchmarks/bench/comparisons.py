"""What is compared with what. In every repetition the two (or three) sides run one after the other, so that a machine
that gets slower meanwhile slows all of them; a ratio is made of neighbours only."""

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from . import load, processes, seeding
from .load import Load
from .processes import BenchmarkError, Server, call


@dataclass
class Outcome:
    """One line of the table: `values` per repetition; `floor` and `aim` are bounds of the median (None: no bound)."""

    name: str
    unit: str
    values: list[float]
    floor: float | None = None
    aim: float | None = None
    at_most: bool = False
    note: str = ""
    samples: dict = field(default_factory=dict)

    @property
    def middle(self) -> float:
        return median(self.values)

    @property
    def passed(self) -> bool | None:
        if self.floor is None:
            return None
        return self.middle <= self.floor if self.at_most else self.middle >= self.floor


@dataclass
class Plan:
    seconds: int
    repetitions: int
    tenants: int
    profiles: int


class Comparisons:
    """Owns the servers of one run; each method measures one part of the table."""

    def __init__(self, binary: Path, directory: Path, plan: Plan):
        self.binary = binary
        self.directory = directory
        self.plan = plan
        self.servers: list[Server] = []
        self.data = directory / "data"
        self.memory_after_start = 0.0

    def start(self) -> None:
        self.bare = self.keep(processes.start_helper("bare-server", self.directory))
        self.mock = self.keep(processes.start_helper("mock-upstream", self.directory))
        self.nginx = self.keep(processes.start_nginx(self.mock.port, self.directory))
        say(f"seeding {self.plan.tenants} tenants x {self.plan.profiles} profiles")
        seeding.seed(self.binary, self.data, self.mock.port, self.directory, self.plan.tenants, self.plan.profiles)
        self.gateway = self.keep(processes.start_gateway(self.binary, self.data, self.mock.port, self.directory))
        time.sleep(1)
        self.memory_after_start = self.gateway.rss_megabytes()

    def keep(self, server: Server) -> Server:
        self.servers.append(server)
        return server

    def stop(self) -> None:
        for server in reversed(self.servers):
            server.stop()

    def memory(self) -> list[Outcome]:
        for number in range(self.plan.tenants):
            for path in ("profiles", "profiles/profile-000"):
                status, _ = call("GET", f"{self.gateway.url}/t/t{number:04d}/api/chat/{path}")
                if status != 200:
                    raise BenchmarkError(f"tenant t{number:04d} answers {status} on {path}")
        served = self.gateway.rss_megabytes()
        tenants = f"{self.plan.tenants:,} tenants, one list and one profile each"
        return [
            Outcome("memory after start", "MB", [self.memory_after_start], 30, at_most=True, note="RSS"),
            Outcome("memory after serving", "MB", [served], 150, at_most=True, note=f"RSS; {tenants}"),
        ]

    def read(self) -> list[Outcome]:
        one = Load("constant", "/t/t0000/api/chat/profiles/profile-050", connections=64)
        spread = Load("random", "", connections=64, arguments=(self.plan.tenants, self.plan.profiles))
        return [
            self.ratio("(a) read one profile / bare libmicrohttpd", one, self.bare, 0.6, 0.8),
            self.ratio("(b) read at random / bare libmicrohttpd", spread, self.bare, 0.4),
        ]

    def chat(self) -> list[Outcome]:
        body = self.directory / "chat.json"
        body.write_text(CHAT_BODY)
        stream_body = self.directory / "chat-stream.json"
        stream_body.write_text(CHAT_BODY.replace('"messages"', '"stream":true,"messages"', 1))
        path = "/v1/chat/completions"
        busy = Load("post", path, connections=32, body=body)
        streaming = Load("post", path, connections=32, body=stream_body)
        return [
            self.ratio("(c) chat, 32 connections / nginx", busy, self.nginx, 0.4, 0.7),
            *self.added_latency(Load("post", path, connections=1, body=body)),
            self.ratio("    streamed chat, 32 connections / nginx", streaming, self.nginx),
        ]

    def resolution(self) -> list[Outcome]:
        """In a process of its own, through the gateway's own floors: no socket, no upstream."""
        program = processes.PROJECT / ".build/release/resolution-benchmark"
        run = subprocess.run([program, str(self.plan.repetitions)], check=True, capture_output=True, text=True)
        found = json.loads(run.stdout)
        what = f"{found['layers']} layers, {found['middlewares']} middlewares, {found['settings']} settings"
        return [
            Outcome("resolution, cold", "ns", found["cold_ns"], 50_000, at_most=True, note=what),
            Outcome("resolution, remembered", "ns", found["memoised_ns"], 1_000, at_most=True, note=what),
            Outcome("resolution with its trace", "ns", found["explained_ns"], note=what),
        ]

    def write(self) -> list[Outcome]:
        values, rates, commits, latencies = [], [], [], []
        for _ in range(self.plan.repetitions):
            raw = self.raw_commits()
            sample = self.patches(self.plan.seconds)
            commits.append(raw)
            rates.append(sample.requests_per_second)
            latencies.append(sample.p50_us)
            values.append(sample.requests_per_second / raw)
        note = f"{median(rates):,.0f} PATCH/s, p50 {median(latencies):,.0f} µs; raw {median(commits):,.0f} commits/s"
        samples = {"patches_per_second": rates, "raw_commits_per_second": commits, "p50_us": latencies}
        return [Outcome("(d) guarded PATCH / raw SQLite commits", "ratio", values, 0.5, note=note, samples=samples)]

    def patches(self, seconds: int) -> load.Sample:
        path = "/t/t0001/api/chat/profiles/profile-050"
        status, document = call("GET", self.gateway.url + path)
        if status != 200:
            raise BenchmarkError(f"GET {path} answers {status}")
        version = document["metadata"]["version"]
        return load.run(Load("patch", path, connections=1, arguments=(version,)), self.gateway.url, seconds)

    def raw_commits(self) -> float:
        with tempfile.TemporaryDirectory(dir=self.directory) as scratch:
            command = [processes.program("commit-rate"), scratch, str(self.plan.seconds)]
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
            if done.returncode != 0:
                raise BenchmarkError(done.stderr)
            return float(done.stdout)

    def ratio(
        self, name: str, what: Load, peer: Server, floor: float | None = None, aim: float | None = None
    ) -> Outcome:
        """Requests a second of the gateway, divided by those of the peer under the same load."""
        say(name.strip())
        for server in (peer, self.gateway):
            load.run(what, server.url, 1)
        ours, theirs = [], []
        for _ in range(self.plan.repetitions):
            theirs.append(load.run(what, peer.url, self.plan.seconds))
            ours.append(load.run(what, self.gateway.url, self.plan.seconds))
        values = [
            mine.requests_per_second / other.requests_per_second for mine, other in zip(ours, theirs, strict=True)
        ]
        note = f"{rate(ours)} against {rate(theirs)} of {peer.name}"
        samples = {"gateway": [vars(sample) for sample in ours], peer.name: [vars(sample) for sample in theirs]}
        return Outcome(name, "ratio", values, floor, aim, note=note, samples=samples)

    def added_latency(self, what: Load) -> list[Outcome]:
        """Median latency at one connection minus that of the mock itself, for the gateway and for nginx."""
        name = "(c) chat, added median latency, 1 connection"
        say(name)
        sides = {"direct": self.mock, "nginx": self.nginx, "gateway": self.gateway}
        medians: dict[str, list[float]] = {side: [] for side in sides}
        for server in sides.values():
            load.run(what, server.url, 1)
        for _ in range(self.plan.repetitions):
            for side, server in sides.items():
                medians[side].append(load.run(what, server.url, self.plan.seconds).p50_us)

        def added(side: str) -> list[float]:
            return [through - direct for through, direct in zip(medians[side], medians["direct"], strict=True)]

        note = f"p50 {median(medians['gateway']):.0f} µs; direct {median(medians['direct']):.0f} µs"
        peer_note = f"p50 {median(medians['nginx']):.0f} µs"
        return [
            Outcome(name, "µs", added("gateway"), 150, 60, at_most=True, note=note, samples=medians),
            Outcome("    the same through nginx", "µs", added("nginx"), note=peer_note),
        ]


def rate(samples: list[load.Sample]) -> str:
    requests = median(sample.requests_per_second for sample in samples)
    latency = median(sample.p50_us for sample in samples)
    return f"{requests:,.0f}/s (p50 {latency:,.0f} µs)"


def say(what: str) -> None:
    print(f"  {what} …", flush=True)


# About one kilobyte, as a short conversation is; the model's empty name is the tenant's default profile.
CHAT_BODY = (
    '{"model":"default","messages":['
    '{"role":"user","content":"' + "What does the fox do, and why does the dog let it? " * 4 + '"},'
    '{"role":"assistant","content":"' + "It jumps over the dog, which is lazy, and so lets it. " * 5 + '"},'
    '{"role":"user","content":"' + "Say it once more, in one sentence, for a child of six. " * 6 + '"}'
    "]}"
)
