"""Requests nobody would think of: every endpoint, with documents that are mostly almost right.

The choices come from one seeded generator, so that a run can be repeated. What is asked is often refused; the point is
that it is refused, and that what is not refused is kept.
"""

import dataclasses
from urllib.parse import quote

SLUGS = ["default", "agent", "x", "y", "z-1", "leaf", "base"]
ODD_SLUGS = [
    "a" * 128,
    "A",
    "X ",
    "",
    "ü",
    "x@1",
    "x/y",
    "..",
    "profiles",
    "__proto__",
    "a.b",
    "-",
    "0",
    "default/agent",
]
REGISTRIES = ["default", "team", "main", "r1"]
ODD_REGISTRIES = ["R1", "", "x y", "a" * 200]
TENANTS = ["", "", "/t/acme", "/t/beta", "/t/nobody"]
KEYS = ["runtime", "slug", "", "name", "id", "x@v1", "ü", "default", "mode", "__proto__"]
TEXTS = ["", "x", " ", "ü😀", "\0", "a" * 1000, "{{a}}", "{{", "default", "env:HOME", "https://evil.example/", "hello"]
NUMBERS = [0, 1, -1, 0.1, 1.5, -0.0, 1e308, 2**31, 2**63, 2**64, 10**25]
SETTINGS = [
    "ai-chat.ai-engine",
    "ai-chat.ai-temperature",
    "ai-chat.ai-max-response-tokens",
    "ai-chat.ai-top-p",
    "ai-chat.ai-stop",
    "ai-chat.nope",
    "ai-inference.inference-temperature",
    "openai-chat.openai-n",
    "openai-chat.openai-logit-bias",
    "openai-chat.openai-api-key",
    "openai-chat.openai-base-url",
    "gateway.upstream",
    "gateway.fallback-upstreams",
    "gateway.seed",
    "nope.x",
]
OVERRIDE_KEYS = ["system_prompt", "tools", "middlewares", "step_settings_patch", "systemPrompt", "nope"]
# Bodies that are no documents, or hardly.
BROKEN = [
    "{",
    "[]",
    "null",
    '"x"',
    "1e999",
    '{"a":1,"a":2}',
    '{"slug":"x",}',
    b"\xff",
    '{"slug":"q","runtime":' + "[" * 600,
]
PROFILES = "/api/chat/profiles"
CHAT = "/api/chat"


@dataclasses.dataclass
class Asked:
    method: str
    target: str
    body: object = None  # a document, or bytes and text that are sent as they are
    headers: dict = dataclasses.field(default_factory=dict)
    is_raw: bool = False


class RandomRequests:
    def __init__(self, chance):
        self.chance = chance
        self.kinds = [
            (9, self.profile_write),
            (3, self.profile_change),
            (5, self.profile_read),
            (3, self.history),
            (3, self.registry),
            (2, self.bundle),
            (1, self.current_profile),
            (5, self.chat),
            (2, self.models_and_schemas),
            (1, self.operations),
            (1, self.broken),
        ]

    def next(self):
        weights = [weight for weight, _ in self.kinds]
        ((_, make),) = self.chance.choices(self.kinds, weights)
        asked = make()
        if self.chance.random() < 0.15:
            asked.headers["If-Match"] = self.pick("*", '"1"', '"r1-x"', 'W/"1"', "x")
        if self.chance.random() < 0.1:
            asked.headers["If-None-Match"] = self.pick("*", '"1"', "x")
        return asked

    # Choices ------------------------------------------------------------------------------------------------------

    def pick(self, *values):
        return self.chance.choice(values)

    def some(self, values, most=2):
        return [self.chance.choice(values) for _ in range(self.chance.randrange(most + 1))]

    def mostly(self, make):
        """What it should be, or anything at all."""
        return make() if self.chance.random() < 0.93 else self.anything()

    def fields(self, likelihood, **makers):
        """Some of these fields."""
        return {name: self.mostly(make) for name, make in makers.items() if self.chance.random() < likelihood}

    def anything(self, depth=0):
        kind = self.chance.randrange(10)
        if kind == 0:
            return None
        if kind == 1:
            return self.pick(True, False)
        if kind < 4:
            return self.chance.choice(NUMBERS)
        if kind < 7 or depth > 3:
            return self.chance.choice(TEXTS)
        if kind < 9:
            return [self.anything(depth + 1) for _ in range(self.chance.randrange(4))]
        return {self.chance.choice(KEYS): self.anything(depth + 1) for _ in range(self.chance.randrange(4))}

    def slug(self):
        return self.chance.choice(SLUGS if self.chance.random() < 0.85 else ODD_SLUGS)

    def registry_slug(self):
        return self.chance.choice(REGISTRIES if self.chance.random() < 0.85 else ODD_REGISTRIES)

    def in_registry(self):
        return f"?registry={quote(self.registry_slug(), safe='')}" if self.chance.random() < 0.25 else ""

    def segment(self, text):
        return quote(text, safe="") or "%20"

    def tenant(self):
        return self.chance.choice(TENANTS)

    # Documents ----------------------------------------------------------------------------------------------------

    def setting(self):
        return self.mostly(
            lambda: self.pick("gpt-4o", "o3-mini", 0, 0.5, 1, 3, -1, [], ["a"], {"5": 1}, "echo", True, None)
        )

    def settings(self):
        patch = {}
        for name in self.some(SETTINGS, 3):
            section, _, field = name.partition(".")
            patch.setdefault(section, {})[field] = self.setting()
        return patch

    def middleware(self):
        configs = (
            {},
            {"default_mode": "other"},
            {"prompt": "more {{a}}"},
            {"patterns": ["email", "card"]},
            {"custom": [{"name": "n", "pattern": "(a"}]},
            {"custom": [{"name": "n", "pattern": "[0-9]{3}"}]},
            {"maximum_messages": 3},
            self.anything(),
        )
        use = {"name": self.pick("agentmode", "prompt-append", "redact", "input-limit", "nope")}
        return use | self.fields(
            0.4,
            id=lambda: self.pick("default", "a", ""),
            enabled=lambda: self.pick(True, False, None),
            config=lambda: self.pick(*configs),
        )

    def variables(self):
        declared = ({}, {"type": "string"}, {"type": "number", "default": 1}, {"required": True}, {"default": "{{b}}"})
        return {name: self.mostly(lambda: self.pick(*declared)) for name in self.some(["a", "b", "name", " ", "x-y"])}

    def runtime(self):
        runtime = self.fields(
            0.4,
            system_prompt=lambda: self.pick("hi", "{{a}} and {{b}}", "", "x" * 5000, None),
            tools=lambda: self.pick([], ["calculator"], ["search", "calculator"], ["nope"], None, [""], ["a", "a"]),
            middlewares=lambda: [self.middleware() for _ in range(self.chance.randrange(4))],
            step_settings_patch=self.settings,
            variables=self.variables,
        )
        return runtime | ({"colour": "blue"} if self.chance.random() < 0.03 else {})

    def policy(self):
        bounds = ({"max": 1}, {"min": 0, "max": 0.5}, {"enum": ["gpt-4o"]}, {"max": "x"}, {})
        return self.fields(
            0.3,
            allow_overrides=lambda: self.pick(True, False),
            read_only=lambda: self.chance.random() < 0.1,
            on_denied=lambda: self.pick("reject", "ignore", "x"),
            allowed_override_keys=lambda: self.some(OVERRIDE_KEYS, 3),
            denied_override_keys=lambda: self.some(OVERRIDE_KEYS, 1),
            limits=lambda: {name: self.pick(*bounds) for name in self.some(SETTINGS)},
        )

    def stack(self):
        def layer():
            return self.pick(
                {"profile_slug": self.slug()}, {"registry_slug": self.registry_slug(), "profile_slug": self.slug()}, {}
            )

        return [self.mostly(layer) for _ in range(self.chance.randrange(4))]

    def extensions(self):
        keys = ["webchat.starter_suggestions@v1", "middleware.agentmode_config@v1", "x.y@v1", "X.Y@V1", "a.b@v0", "bad"]
        values = ({"items": ["a", "b"]}, {"instances": {"id:default": {"default_mode": "other"}}}, self.anything())
        return {key: self.pick(*values) for key in self.some(keys)}

    def content(self):
        return self.fields(
            0.35,
            display_name=lambda: self.pick("n", "", None, "ü"),
            description=lambda: "d",
            runtime=self.runtime,
            policy=self.policy,
            stack=self.stack,
            extensions=self.extensions,
        )

    def profile(self, **first):
        guards = self.fields(
            0.12, registry=self.registry_slug, expected_version=lambda: self.pick(0, 1, 2, 3, 5, 2**63)
        )
        return first | self.content() | guards | ({"unknown": 1} if self.chance.random() < 0.03 else {})

    def overrides(self):
        return self.fields(
            0.25,
            system_prompt=lambda: self.pick("o", "{{a}}", None),
            tools=lambda: self.pick([], ["search"]),
            middlewares=lambda: [self.middleware()],
            step_settings_patch=self.settings,
            systemPrompt=lambda: "x",
            nope=self.anything,
        )

    def message(self):
        return self.pick(
            {"role": "user", "content": "hello a@b.example"},
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "t"}]},
            {"role": "assistant", "content": None, "tool_calls": []},
            {"role": "tool", "tool_call_id": "1", "content": "x"},
        )

    def conversation(self):
        if self.chance.random() < 0.5:
            body = {"prompt": self.pick("hello", "", "4111 1111 1111 1111", "x" * 3000)}
        else:
            body = {"messages": [self.mostly(self.message) for _ in range(self.chance.randrange(1, 4))]}
        function = {"type": "function", "function": {"name": self.pick("search", "mine"), "parameters": {}}}
        schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
        return body | self.fields(
            0.2,
            profile=self.slug,
            registry=self.registry_slug,
            overrides=self.overrides,
            request_overrides=self.overrides,
            variables=lambda: {"a": self.pick("A", "", 1, None)},
            model=lambda: self.pick("default", "agent", "default/agent", "x@1", "x", "gpt-4o", "team/x"),
            stream=lambda: self.pick(True, False),
            stream_options=lambda: {"include_usage": True},
            tools=lambda: [function],
            tool_choice=lambda: self.pick("auto", "none", "required", function),
            response_format=lambda: self.pick({"type": "json_object"}, schema),
            stop=lambda: self.pick("a", ["a", "b"], None),
            temperature=self.setting,
            n=self.setting,
            seed=self.setting,
            max_tokens=self.setting,
        )

    # Requests -----------------------------------------------------------------------------------------------------

    def one_profile(self):
        return f"{self.tenant()}{PROFILES}/{self.segment(self.slug())}"

    def profile_write(self):
        if self.chance.random() < 0.5:
            fields = {"set_default": self.pick(True, False)} if self.chance.random() < 0.2 else {}
            return Asked(
                "POST",
                self.tenant() + PROFILES + self.in_registry(),
                self.profile(slug=self.mostly(self.slug), **fields),
            )
        return Asked(
            self.pick("PATCH", "PATCH", "PATCH", "PUT"), self.one_profile() + self.in_registry(), self.profile()
        )

    def profile_change(self):
        if self.chance.random() < 0.4:
            return Asked("DELETE", self.one_profile() + self.in_registry())
        if self.chance.random() < 0.5:
            return Asked("POST", self.one_profile() + "/default" + self.in_registry(), self.pick({}, self.anything()))
        return Asked(
            "POST",
            self.one_profile() + "/rollback",
            self.pick({"version": 1}, {"version": 2}, {"version": self.anything()}),
        )

    def profile_read(self):
        target = self.one_profile() if self.chance.random() < 0.7 else self.tenant() + PROFILES
        return Asked(self.pick("GET", "GET", "HEAD"), target + self.in_registry())

    def history(self):
        ends = (
            "/versions",
            "/versions/1",
            "/versions/x",
            "/versions?limit=1",
            "/versions?limit=x",
            "/diff?from=1&to=2",
            "/diff?from=x",
        )
        if self.chance.random() < 0.2:
            return Asked("GET", f"{self.tenant()}{CHAT}/audit" + self.pick("", "?limit=3", "?after=x"))
        return Asked("GET", self.one_profile() + self.pick(*ends))

    def registry(self):
        target = f"{self.tenant()}{CHAT}/registries"
        if self.chance.random() < 0.3:
            return Asked("POST", target, self.mostly(lambda: {"slug": self.registry_slug(), "display_name": "d"}))
        body = self.pick({"display_name": "q"}, {"default_profile_slug": self.slug()}, self.anything())
        return Asked(self.pick("PATCH", "DELETE", "GET"), f"{target}/{self.segment(self.registry_slug())}", body)

    def bundle(self):
        one = f"/{self.segment(self.registry_slug())}" if self.chance.random() < 0.5 else ""
        target = f"{self.tenant()}{CHAT}/registries{one}"
        if self.chance.random() < 0.4:
            return Asked("GET", target + self.pick("/export", "/export?format=json", "/export?format=x", "/versions"))
        registry = {"slug": self.registry_slug(), "profiles": {slug: self.content() for slug in self.some(SLUGS, 3)}}
        legacy = {"agent": {"ai-chat": {"ai-engine": "m"}}}
        body = self.pick(registry, {"registries": {registry["slug"]: registry}}, legacy, self.anything())
        return Asked("POST", f"{target}/import" + self.pick("", "?mode=replace", "?mode=merge", "?dry_run=true"), body)

    def current_profile(self):
        cookie = {"Cookie": "chat_profile=" + self.pick("x", "default", "team/x", "%00")}
        body = self.pick(
            {"profile": self.slug()}, {"slug": self.slug(), "registry": self.registry_slug()}, self.anything()
        )
        return Asked(self.pick("GET", "POST"), f"{self.tenant()}{CHAT}/profile", body, cookie)

    def chat(self):
        ways = ("/chat", f"/chat/{self.segment(self.slug())}", CHAT, f"{CHAT}/resolve", "/v1/chat/completions")
        headers = {"X-Profile": self.pick("x", "default/agent", "@")} if self.chance.random() < 0.1 else {}
        return Asked("POST", self.tenant() + self.pick(*ways), self.conversation(), headers)

    def models_and_schemas(self):
        ways = (
            "/v1/models",
            f"/v1/models/{self.segment(self.slug())}",
            f"{CHAT}/schemas/middlewares",
            f"{CHAT}/schemas/extensions",
        )
        return Asked("GET", self.tenant() + self.pick(*ways))

    def operations(self):
        return Asked(
            "GET",
            self.pick(
                "/metrics", "/version", "/admin/tenants", "/admin/backups", "/admin/tenants/acme/backups", "/nope"
            ),
        )

    def broken(self):
        ways = (PROFILES, f"{PROFILES}/x", "/v1/chat/completions", f"{CHAT}/registries/import")
        target = self.tenant() + self.pick(*ways)
        return Asked(self.pick("POST", "PATCH", "PUT", "GET"), target, self.chance.choice(BROKEN), is_raw=True)
