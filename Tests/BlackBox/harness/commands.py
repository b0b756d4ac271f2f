"""The command line beside a gateway: the same command with the server running, and on its data without it."""

import json
import os
import pty
import select
import subprocess

from .gateway import BINARY, clean_environment, command_line


class Commands:
    """Runs commands on the data of a gateway. Offline, the server is stopped before the first command."""

    def __init__(self, gateway, online):
        self.gateway = gateway
        self.online = online

    def __call__(self, *arguments, expect=0, environment=None, timeout=60.0):
        """Standard output of a command whose exit status is as expected; for a failure, standard error."""
        status, output, errors = self.run(*arguments, environment=environment, timeout=timeout)
        assert status == expect, f"{arguments}: exit {status} instead of {expect}\n{output}{errors}"
        return output if expect == 0 else errors

    def json(self, *arguments, **options):
        return json.loads(self(*arguments, "--format", "json", **options))

    def run(self, *arguments, environment=None, timeout=60.0):
        self._settle()
        return command_line(
            *arguments,
            *self._place(),
            directory=self.gateway.directory,
            environment={**self.gateway.environment, **(environment or {})},
            timeout=timeout,
        )

    def on_terminal(self, *arguments, environment=None, answers=()):
        """What a terminal shows while `answers` are typed, and the exit status."""
        self._settle()
        primary, secondary = pty.openpty()
        process = subprocess.Popen(
            [str(BINARY), *map(str, arguments), *self._place()],
            cwd=self.gateway.directory,
            env=clean_environment({"TERM": "xterm", **self.gateway.environment, **(environment or {})}),
            stdin=secondary,
            stdout=secondary,
            stderr=secondary,
            start_new_session=True,
        )
        os.close(secondary)
        for answer in answers:
            os.write(primary, answer.encode() + b"\n")
        shown = b""
        while True:
            ready, _, _ = select.select([primary], [], [], 60)
            assert ready, f"the command says nothing more: {shown!r}"
            try:
                piece = os.read(primary, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        os.close(primary)
        return shown.decode().replace("\r\n", "\n"), process.wait(60)

    def _settle(self):
        if not self.online:
            self.gateway.stop()

    def _place(self):
        place = ["--data-dir", self.gateway.data]
        if self.gateway.config is not None:
            self.gateway.write_config()
            place += ["--config", self.gateway.config_file]
        return place
