"""Plays a document of `console` blocks against the real binary, so that a guide cannot say what is not so.

`$ ` lines, with their here-documents, run one after the other in one fresh directory; `server$ ` lines run beside them,
as in a first terminal, until `server$ ^C`. The document says port 8080 and the test gives the gateway a free one,
through the environment.
After a change of the guide or of an answer, `python Tests/Clients/transcript.py docs/runbook.md` writes it anew.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "BlackBox"))

from harness.gateway import BINARY, clean_environment, free_port  # noqa: E402

VARIABLE = [
    # A backup in the second of another gets a number behind it.
    (r"\b\d{8}-\d{6}(-\d+)?\b", "YYYYmmdd-HHMMSS"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "YYYY-mm-dd HH:MM:SSZ"),
    (r"\b1[0-9]{12}\b", "MILLISECONDS"),
    (r"\b\d+\.\d (?=(m?s|[KMG]iB)\b)", "N "),
    (r'"created": ?1[0-9]{9}\b', '"created": SECONDS'),
    (r"\br\d+-[0-9A-Za-z_-]+", "rREVISION-EPOCH"),
    (r"sha256:[0-9a-f]{64}", "sha256:FINGERPRINT"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "IDENTIFIER"),
    (r'("(?:conv|session|turn|inference)_id": ?")[^"]+|("(?:id|idempotency_key)": ?")[^"/]+(?=")', r"\1\2IDENTIFIER"),
    (r"(?m)^(X-Request-Id|Date): .*$", r"\1: …"),
]


def settled(output):
    """The output with everything that differs from run to run put out of the way."""
    for pattern, replacement in VARIABLE:
        output = re.sub(pattern, replacement, output)
    return "\n".join(line.rstrip() for line in output.strip().splitlines())


class Session:
    """Two terminals in one directory."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.port = free_port()
        programs = self.directory.parent / f"{self.directory.name}-programs"
        programs.mkdir()
        (programs / "profile-gateway").symlink_to(BINARY)
        self.environment = clean_environment(
            {
                "PATH": f"{programs}:{os.environ['PATH']}",
                "PROFILE_GATEWAY_LISTEN": f"127.0.0.1:{self.port}",
                "TZ": "UTC",
                "LC_ALL": "C.UTF-8",
            }
        )
        self.server = None

    def run(self, command):
        """What the command prints, on both of its outputs."""
        done = subprocess.run(
            ["bash", "-c", command.replace("localhost:8080", f"localhost:{self.port}")],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        return done.stdout.replace(f"localhost:{self.port}", "localhost:8080").strip("\n")

    def serve(self, command):
        if command == "^C":
            self.server.send_signal(signal.SIGINT)
            assert self.server.wait(60) == 0, "the server did not end with status 0"
            return
        log = (self.directory.parent / f"{self.directory.name}-server.log").open("ab")
        # exec: the signal must reach the gateway, not a shell around it.
        self.server = subprocess.Popen(
            ["bash", "-c", "exec " + command],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()
        deadline = time.monotonic() + 30
        while True:
            assert self.server.poll() is None, f"{command}: ended with status {self.server.returncode}"
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5):
                    return
            except urllib.error.URLError:
                assert time.monotonic() < deadline, f"{command}: does not serve"
                time.sleep(0.02)

    def close(self):
        if self.server and self.server.poll() is None:
            self.server.kill()
            self.server.wait(30)


def play(text, session):
    """The document as it would read if it were written now, and its commands with both outputs."""
    lines, exchanges = [], []
    pending = None
    inside = False
    rest = iter(text.splitlines())

    def conclude():
        nonlocal pending
        if pending is not None:
            command, documented, actual = pending
            lines.extend(actual.splitlines())
            exchanges.append((command, "\n".join(documented), actual))
            pending = None

    for line in rest:
        if line.startswith("```"):
            conclude()
            inside = line == "```console"
            lines.append(line)
        elif inside and line.startswith("server$ "):
            conclude()
            lines.append(line)
            session.serve(line.removeprefix("server$ "))
        elif inside and line.startswith("$ "):
            conclude()
            command = [line[2:]]
            # A here-document is part of its command.
            if mark := re.search(r"<<'(\w+)'$", line):
                while command[-1] != mark[1]:
                    command.append(next(rest))
            lines.extend(["$ " + command[0], *command[1:]])
            pending = ("\n".join(command), [], session.run("\n".join(command)))
        elif inside and pending is not None:
            pending[1].append(line)
        else:
            lines.append(line)
    return "\n".join(lines) + "\n", exchanges


def main():
    document = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory) / "fresh"
        place.mkdir()
        session = Session(place)
        try:
            text, _ = play(document.read_text(), session)
        finally:
            session.close()
    document.write_text(text)


if __name__ == "__main__":
    main()
