"""The real binary as a child process: start, stop, kill, restart, and its log when a test fails."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time

from .wire import Client, Cut

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
BINARY = pathlib.Path(os.environ.get("PROFILE_GATEWAY_BIN", REPOSITORY / ".build/debug/profile-gateway"))
OPERATOR_KEY = "operator-key-of-the-tests-0123456789abcdef"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment(extra=None):
    """The environment without anything that would configure the gateway or redirect its traffic."""
    unwanted = ("PROFILE_GATEWAY_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
    environment = {k: v for k, v in os.environ.items() if not k.upper().startswith(unwanted)}
    environment.update(extra or {})
    return environment


class Gateway:
    """One gateway on a free port, in a directory of its own.

    `directory` is the working directory; `data` below it the data directory. `config` (a dict) becomes the file
    given with --config: JSON is YAML. `arguments` replaces the whole command line after the program's name.
    """

    def __init__(
        self,
        directory,
        config=None,
        arguments=None,
        environment=None,
        operator_key=None,
        wrapper=(),
        listen=None,
        observer=None,
        umask=None,
    ):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.data = self.directory / "data"
        self.port = free_port()
        self.listen = listen or f"127.0.0.1:{self.port}"
        self.config = config
        self.config_file = self.directory / "gateway.yaml"
        self.arguments = arguments
        self.environment = dict(environment or {})
        if operator_key:
            self.environment["PROFILE_GATEWAY_OPERATOR_KEY"] = operator_key
        self.wrapper = list(wrapper)
        self.observer = observer
        self.umask = umask
        self.process = None
        self.log_start = 0
        self.log_file = self.directory / "gateway.log"

    # The command line -------------------------------------------------------------------------------------------

    def command(self):
        if self.arguments is not None:
            return self.wrapper + [str(BINARY)] + [str(argument) for argument in self.arguments]
        command = [str(BINARY), "serve", "--listen", self.listen, "--data-dir", str(self.data)]
        if self.config is not None:
            self.write_config()
            command += ["--config", str(self.config_file)]
        return self.wrapper + command

    def write_config(self):
        self.config_file.write_text(json.dumps(self.config, indent=1))

    # Life ------------------------------------------------------------------------------------------------------

    def spawn(self):
        """Starts the process without waiting for it to serve."""
        assert BINARY.exists(), f"no binary at {BINARY}: build it, or set PROFILE_GATEWAY_BIN"
        self.log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.directory,
                env=clean_environment(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=(lambda: os.umask(self.umask)) if self.umask is not None else None,
            )
        return self

    def start(self, ready_within=30.0):
        self.spawn()
        deadline = time.monotonic() + ready_within
        while True:
            code = self.process.poll()
            assert code is None, f"exited with {code} instead of serving\n{self.log()}"
            # It answers before the tenants' files are open; the log says when everything is there.
            if self.listens() and self.answers():
                return self
            assert time.monotonic() < deadline, f"not ready within {ready_within} s\n{self.log()}"
            time.sleep(0.01)

    def run(self, timeout=30.0):
        """Runs a command line that is expected to end by itself: (exit status, everything it printed)."""
        self.spawn()
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {timeout} s: {self.command()}\n{self.log()}") from None
        return code, self.log()

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=60.0):
        return self.process.wait(timeout)

    def stop(self, timeout=60.0):
        """SIGTERM, and the exit status."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop within {timeout} s\n{self.log()}") from None

    def kill(self):
        """kill -9."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)

    def restart(self):
        self.stop()
        return self.start()

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        return self.log_file.read_text("utf-8", "replace") if self.log_file.exists() else ""

    def listens(self):
        """Whether this start has said that everything is open."""
        return b"listening" in self.log_file.read_bytes()[self.log_start :]

    def answers(self):
        """Whether it answers right now."""
        try:
            return self.client().get("/healthz", timeout=5).status == 200
        except (OSError, Cut):
            return False

    # Talking to it ---------------------------------------------------------------------------------------------

    @property
    def address(self):
        return self.listen[len("unix:") :] if self.listen.startswith("unix:") else ("127.0.0.1", self.port)

    def client(self, tenant=None, key=None):
        headers = [("Authorization", f"Bearer {key}")] if key else []
        return Client(self.address, headers, f"/t/{tenant}" if tenant else "", self.observer)

    # Its files -------------------------------------------------------------------------------------------------

    def tenant_directory(self, tenant="default"):
        return self.data / "tenants" / tenant

    def database(self, tenant="default"):
        return self.tenant_directory(tenant) / "profiles.db"


def command_line(*arguments, directory=None, environment=None, timeout=30.0):
    """Runs the binary once: (exit status, standard output, standard error)."""
    done = subprocess.run(
        [str(BINARY), *map(str, arguments)],
        cwd=directory,
        env=clean_environment(environment),
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr
