"""What gateway.md §4 promises of every answer, checked on every answer that any test receives.

Violations are collected, not raised, so that one broken header is one failing test (test_every_answer.py) and not
three hundred.
"""

import json
import re

REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{1,128}$")

TYPES = {
    400: {"invalid_request_error"},
    401: {"authentication_error"},
    403: {"permission_error"},
    404: {"invalid_request_error"},
    405: {"invalid_request_error"},
    409: {"conflict_error"},
    411: {"invalid_request_error"},
    412: {"conflict_error"},
    413: {"invalid_request_error"},
    414: {"invalid_request_error"},
    415: {"invalid_request_error"},
    422: {"invalid_request_error"},
    428: {"conflict_error"},
    429: {"rate_limit_error", "upstream_error"},
    431: {"invalid_request_error"},
    500: {"internal_error"},
    502: {"upstream_error"},
    503: {"unavailable_error"},
    504: {"upstream_error"},
}


class Promises:
    """Collects what broke a promise: {promise: [the first few answers that did]}."""

    def __init__(self):
        self.broken = {}
        self.answers = 0

    def observe(self, response):
        self.answers += 1
        for promise in self.broken_by(response):
            self.broken.setdefault(promise, []).append(repr(response)[:600])

    def broken_by(self, response):
        headers = response.headers
        if not REQUEST_ID.match(headers.get("X-Request-Id") or ""):
            yield "every answer has an X-Request-Id"
        if headers.get("X-Content-Type-Options") != "nosniff":
            yield "every answer has X-Content-Type-Options: nosniff"
        if response.status == 204 and (response.body or headers.get("Content-Length", "0") != "0"):
            yield "a 204 has no body"
        if "/api/chat/profiles" in response.target and response.status == 200 and response.method in ("GET", "HEAD"):
            if headers.get("Cache-Control") != "private, no-cache":
                yield "profile reads are Cache-Control: private, no-cache"
            vary = {name.strip().lower() for value in headers.all("Vary") for name in value.split(",")}
            if not {"authorization", "x-api-key", "x-tenant", "cookie"} <= vary:
                yield "profile reads have Vary: Authorization, X-Api-Key, X-Tenant, Cookie"
            if not re.match(r'^"r\d+-[^"]+"$', headers.get("ETag") or ""):
                yield 'profile reads have a strong ETag "r<revision>-<epoch>"'
        if response.status >= 400:
            yield from self.broken_by_error(response)

    def broken_by_error(self, response):
        headers = response.headers
        if (headers.get("Content-Type") or "").split(";")[0] != "application/json":
            yield "an error is application/json"
        if response.status == 405 and "Allow" not in headers:
            yield "405 carries Allow"
        if response.status == 401 and not (headers.get("WWW-Authenticate") or "").startswith("Bearer"):
            yield "401 carries WWW-Authenticate: Bearer"
        if response.status == 503 and not (headers.get("Retry-After") or "").isdigit():
            yield "503 carries Retry-After"
        if response.status in (409, 412) and headers.get("x-should-retry") != "false" and "Retry-After" not in headers:
            yield "409 and 412 carry x-should-retry: false"
        if response.method == "HEAD":
            return
        try:
            document = json.loads(response.body)
        except ValueError:
            yield "an error's body is JSON"
            return
        error = document.get("error") if isinstance(document, dict) else None
        if not isinstance(error, dict) or list(document) != ["error"]:
            yield 'an error\'s body is {"error": {…}}'
            return
        if not isinstance(error.get("message"), str) or not error["message"].strip():
            yield "an error has a message"
        if "param" not in error or not isinstance(error["param"], (str, type(None))):
            yield "an error has a param, a string or null"
        expected = TYPES.get(response.status)
        passed_through = response.status in (400, 404, 413, 422, 429) and "provider" in response.text
        if not isinstance(error.get("code"), str) and not passed_through:
            yield "an error has a code"
        if expected and error.get("type") not in expected and not passed_through:
            yield f"a {response.status} has the type {' or '.join(sorted(expected))}"
