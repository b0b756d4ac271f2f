"""The servers that are measured: each listens on a free loopback port and lives in the run's own directory."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from string import Template

HERE = Path(__file__).resolve().parent.parent
PROJECT = HERE.parent
PROGRAMS = {"bare-server": ["-lmicrohttpd"], "mock-upstream": [], "commit-rate": ["-lsqlite3"]}


class BenchmarkError(Exception):
    """Something that makes the numbers meaningless; the message says what."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def compile_programs() -> None:
    """Compiles the C programs into Benchmarks/build; their sources are small enough to do it every time."""
    build = HERE / "build"
    build.mkdir(exist_ok=True)
    for name, libraries in PROGRAMS.items():
        source = HERE / "programs" / f"{name}.c"
        flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
        subprocess.run(["gcc", *flags, "-o", build / name, source, *libraries], check=True)


def program(name: str) -> Path:
    return HERE / "build" / name


def wait_for_port(port: int, process: subprocess.Popen, what: str, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchmarkError(f"{what} ended at once with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise BenchmarkError(f"{what} does not listen on port {port} after {seconds:g} s")


class Server:
    """A child process on a port of its own; `stop` asks it to end and waits."""

    def __init__(self, name: str, command: list, port: int, log: Path):
        self.name = name
        self.port = port
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            wait_for_port(port, self.process, name)
        except BenchmarkError as error:
            self.process.kill()
            raise BenchmarkError(f"{error}\n{log.read_text(errors='replace')}") from error

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rss_megabytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
        return kilobytes / 1024

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=40)
            except subprocess.TimeoutExpired as error:
                self.process.kill()
                raise BenchmarkError(f"{self.name} did not end within 40 s of SIGTERM") from error
        self.process.stdin.close()


def start_helper(name: str, directory: Path) -> Server:
    """One of the C servers."""
    port = free_port()
    return Server(name, [program(name), port], port, directory / f"{name}.log")


def start_nginx(upstream_port: int, directory: Path) -> Server:
    port = free_port()
    home = directory / "nginx"
    home.mkdir()
    configuration = Template((HERE / "nginx.conf.template").read_text()).substitute(
        directory=home,
        port=port,
        upstream_port=upstream_port,
        # As root nginx would change to an account that cannot read the run's directory.
        user_line="user root;" if os.getuid() == 0 else "",
    )
    (home / "nginx.conf").write_text(configuration)
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    command = [nginx, "-p", home, "-e", home / "nginx-error.log", "-c", home / "nginx.conf", "-g", "daemon off;"]
    return Server("nginx", command, port, directory / "nginx.log")


def start_gateway(binary: Path, data: Path, mock_port: int, directory: Path) -> Server:
    """The release binary on `data`, keyless on loopback, its only upstream the mock; waits until it is ready."""
    port = free_port()
    configuration = directory / f"gateway-{port}.yaml"
    configuration.write_text(
        f"listen: 127.0.0.1:{port}\n"
        f"data_dir: {data}\n"
        "upstreams:\n"
        f'  mock: {{api: openai, base_url: "http://127.0.0.1:{mock_port}/v1"}}\n'
        "default_upstream: mock\n"
    )
    server = Server("gateway", [binary, "serve", "--config", configuration], port, directory / f"gateway-{port}.log")
    status, _ = call("GET", server.url + "/readyz")
    if status != 200:
        raise BenchmarkError(f"the gateway's /readyz answers {status}")
    return server


def call(method: str, url: str, body: object = None) -> tuple[int, object]:
    """One HTTP request with a JSON body and a JSON answer; statuses are returned, not raised."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, decode(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, decode(error.read())


def decode(text: bytes) -> object:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text.decode(errors="replace")
