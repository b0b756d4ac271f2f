"""Debian's nginx with deploy/nginx/profile-gateway.conf itself: only addresses and paths are put in their places."""

import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import time

from harness.gateway import OPERATOR_KEY, REPOSITORY, free_port

CONFIGURATION = REPOSITORY / "deploy/nginx/profile-gateway.conf"
TOKENS = {"acme": "token-of-acme-0123456789", "beta": "token-of-beta-0123456789"}


def put(text, old, new, times):
    assert text.count(old) == times, f"{CONFIGURATION} was changed: {old!r} stands {text.count(old)} times in it"
    return text.replace(old, new)


class Nginx:
    """One nginx worker in `directory`, in front of whatever listens on `upstream_port`."""

    def __init__(self, directory, upstream_port):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.port = free_port()
        self.certificate = self.directory / "certificate.pem"
        self.write_secrets()
        site = CONFIGURATION.read_text()
        site = put(site, "listen 443 ssl http2;", f"listen 127.0.0.1:{self.port} ssl http2;", times=1)
        site = put(site, "server 127.0.0.1:8080;", f"server 127.0.0.1:{upstream_port};", times=1)
        # Only directives: the comment that says what the files hold keeps its paths.
        for directive, times in {"include": 2, "ssl_certificate": 1, "ssl_certificate_key": 1}.items():
            site = put(site, f" {directive} /etc/nginx/profile-gateway/", f" {directive} {self.directory}/", times)
        (self.directory / "site.conf").write_text(site)
        temporary = "".join(
            f"    {kind}_temp_path {self.directory}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.directory / "nginx.conf").write_text(
            # As root nginx would change to an account that cannot enter the test's directory.
            ("user root;\n" if os.getuid() == 0 else "")
            + f"pid {self.directory}/nginx.pid;\nworker_processes 1;\ndaemon off;\n"
            + f"events {{}}\nhttp {{\n    access_log off;\n{temporary}    include {self.directory}/site.conf;\n}}\n"
        )
        self.process = None

    def write_secrets(self):
        (self.directory / "operator-key.conf").write_text(f'proxy_set_header Authorization "Bearer {OPERATOR_KEY}";\n')
        (self.directory / "tenants.map").write_text(
            "".join(f'"Bearer {token}" {tenant};\n' for tenant, token in TOKENS.items())
        )
        subprocess.run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
                "-keyout",
                self.directory / "certificate-key.pem",
                "-out",
                self.certificate,
            ],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )

    def command(self, *more):
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        return [
            binary,
            "-p",
            self.directory,
            "-e",
            self.directory / "error.log",
            "-c",
            self.directory / "nginx.conf",
            *more,
        ]

    def start(self):
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while True:
            assert self.process.poll() is None, f"nginx ended: {self.log()}"
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                assert time.monotonic() < deadline, f"nginx does not listen: {self.log()}"
                time.sleep(0.02)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def log(self):
        log = self.directory / "error.log"
        return log.read_text() if log.exists() else ""

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def tls(self):
        return ssl.create_default_context(cafile=str(self.certificate))
