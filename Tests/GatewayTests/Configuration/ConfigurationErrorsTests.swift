import Gateway
import Testing

/// One mistake and the message for it.
struct Mistake: Sendable, CustomTestStringConvertible {
    let yaml: String
    let message: String

    init(_ yaml: String, _ message: String) {
        self.yaml = yaml
        self.message = message
    }

    var testDescription: String { yaml }
}

@Suite struct ConfigurationErrorsTests {
    @Test(arguments: [
        Mistake("lisen: 127.0.0.1:8080", "1:1: lisen: unknown key; did you mean `listen`?"),
        Mistake("data-dir: x", "1:1: data-dir: unknown key; did you mean `data_dir`?"),
        Mistake("zzz: 1", "1:1: zzz: unknown key"),
        Mistake("log:\n  levle: info", "2:3: log.levle: unknown key; did you mean `level`?"),
        Mistake(
            "upstreams:\n  a:\n    api: openai\n    base_ulr: http://x",
            "2:3: upstreams.a.base_url: is missing; api openai needs one, e.g. https://api.openai.com/v1\n"
                + "4:5: upstreams.a.base_ulr: unknown key; did you mean `base_url`?"),
        Mistake("- a", "1:1: must hold settings such as `listen: …`, not a list"),
        Mistake("{[a]: 1}", "1:2: a key must be text"),
        Mistake("a: *b", "1:4: is no valid YAML: found undefined alias"),
    ])
    func `an unknown key or shape is named with line, column and the likely meaning`(mistake: Mistake) {
        expect(mistake)
    }

    @Test(arguments: [
        Mistake("listen: 8080", "1:9: listen: must be text, not a number; put it in quotes"),
        Mistake(
            "listen: localhost",
            "1:9: listen: `localhost` has no port; write e.g. 127.0.0.1:8080, [::1]:8080, :8080 or unix:PATH"),
        Mistake(
            "listen: 127.0.0.1:70000", "1:9: listen: port `70000` of `127.0.0.1:70000` must be a number from 0 to 65535"
        ),
        Mistake("listen: '127.0.0.1:'", "1:9: listen: port `` of `127.0.0.1:` must be a number from 0 to 65535"),
        Mistake(
            "listen: example.org:80",
            "1:9: listen: `example.org` is no IP address; host names other than localhost are not looked up"),
        Mistake("listen: \"::1:8080\"", "1:9: listen: `::1:8080`: an IPv6 address needs brackets, e.g. [::1]:8080"),
        Mistake("listen: []", "1:9: listen: must name at least one address, e.g. 127.0.0.1:8080"),
        Mistake("listen: {a: b}", "1:9: listen: must be a list, not a mapping"),
        Mistake("listen: ['127.0.0.1:1', '127.0.0.1:1']", "1:25: listen: `127.0.0.1:1` is given twice"),
        Mistake("listen: 'unix:'", "1:9: listen: `unix:` needs a path of 1 to 107 bytes after `unix:`"),
        Mistake(
            "trusted_proxies: [10.0.0.0/33]",
            "1:19: trusted_proxies: prefix length `33` of `10.0.0.0/33` must be a number from 0 to 32"),
        Mistake(
            "trusted_proxies: [10.0.0.1/8]",
            "1:19: trusted_proxies: `10.0.0.1/8` has bits set beyond its prefix; write the first address of the network"
        ),
        Mistake(
            "trusted_proxies: [proxy]",
            "1:19: trusted_proxies: `proxy` is no IP address or CIDR range such as 10.0.0.0/8 or fd00::/8"),
        Mistake(
            "tenant_host_suffix: .gw",
            "1:21: tenant_host_suffix: `.gw` must be a host name such as gw.example, without a leading dot or a port"),
        Mistake("default_tenant: A", "1:17: default_tenant: `A` must be written `a`"),
        Mistake("data_dir: ''", "1:11: data_dir: must not be empty"),
        Mistake("data_dir: [a]", "1:11: data_dir: must be text, not a list"),
        Mistake("max_open_tenants: many", "1:19: max_open_tenants: must be a whole number, not text"),
        Mistake("max_open_tenants: 0", "1:19: max_open_tenants: must be from 1 to 100000, not 0"),
        Mistake(
            "busy_timeout: 5000",
            "1:15: busy_timeout: must be a value with its unit such as 500ms, 30s, 2m or 1h, not `5000`"),
        Mistake("shutdown_grace: 2h", "1:17: shutdown_grace: must be from 0s to 1h, not 2h"),
        Mistake(
            "max_body_bytes: {chat: 32 MB}",
            "1:24: max_body_bytes.chat: must be a value with its unit such as 65536, 512KiB or 32MiB, not `32 MB`"),
        Mistake(
            "tenants: {acme: {sources: [\"yaml:/x.yaml\"]}}",
            "1:10: tenants.acme.sources: lie in none of source_directories, which is empty; "
                + "name the directory of the files there"),
        Mistake("max_body_bytes: 5", "1:17: max_body_bytes: must be a mapping, not a number"),
        Mistake(
            "log: {level: warn}",
            "1:14: log.level: `warn` is unknown; must be one of trace, debug, info, notice, warning, error, critical"),
        Mistake(
            "log: {format: jsn}",
            "1:15: log.format: `jsn` is unknown; must be one of auto, json, text; did you mean `json`?"),
    ])
    func `a value of the wrong type or range says what would be right`(mistake: Mistake) {
        expect(mistake)
    }

    @Test(arguments: [
        Mistake("upstreams: {a: {}}", "1:13: upstreams.a.api: is missing; one of openai, echo"),
        Mistake("upstreams: {a: }", "1:13: upstreams.a.api: is missing; one of openai, echo"),
        Mistake("upstreams: {a: b}", "1:16: upstreams.a: must be a mapping, not text"),
        Mistake("upstreams: {}", "1:12: upstreams: must name at least one upstream; without it there is echo alone"),
        Mistake(
            "upstreams: {a: {api: opnai}}",
            "1:22: upstreams.a.api: `opnai` is unknown; must be one of openai, echo; did you mean `openai`?"
        ),
        Mistake(
            "upstreams: {a: {api: claude, base_url: 'https://api.anthropic.com'}}",
            "1:22: upstreams.a.api: `claude` is unknown; must be one of openai, echo"),
        Mistake(
            "upstreams: {a: {api: gemini, base_url: 'https://x'}}",
            "1:22: upstreams.a.api: `gemini` is unknown; must be one of openai, echo"),
        Mistake(
            "upstreams: {a: {api: echo, base_url: 'http://x'}}",
            "1:38: upstreams.a.base_url: means nothing for api echo, which needs no network"),
        Mistake(
            "upstreams: {'a b': {api: echo}}",
            "1:13: upstreams.a b: `a b` must be 1 to 64 characters of letters, digits, `.`, `_` and `-`"),
        Mistake(url("ftp://x"), urlMessage("must begin with http:// or https://")),
        Mistake(url("http://u:p@x"), urlMessage("must not contain a user or password; use api_key")),
        Mistake(url("http://x/v1?a=b"), urlMessage("must not contain ?, # or \\; paths are appended to it")),
        Mistake(url("http:///v1"), urlMessage("names no host")),
        Mistake(url("http://x:0/v1"), urlMessage("port `0` must be a number from 1 to 65535")),
        Mistake(url("http://[::g]/"), urlMessage("`::g` is no host name or address")),
        Mistake(
            url("http://x y/"), urlMessage("must not contain blanks, control characters or characters outside ASCII")),
        Mistake("default_upstream: openai", "1:19: default_upstream: `openai` is no configured upstream (echo)"),
        Mistake(
            "upstreams: {local: {api: echo}}\ndefault_upstream: lokal",
            "2:19: default_upstream: `lokal` is no configured upstream (local); did you mean `local`?"),
        Mistake(
            "upstreams: {a: {api: openai, base_url: 'http://x', timeouts: {conect: 1s, total: 0s}}}",
            "1:63: upstreams.a.timeouts.conect: unknown key; did you mean `connect`?\n"
                + "1:82: upstreams.a.timeouts.total: must be from 10ms to 24h, not 0s"),
    ])
    func `an upstream that cannot work is refused`(mistake: Mistake) {
        expect(mistake)
    }

    @Test(arguments: [
        Mistake(
            "operator_key: geheim",
            "1:15: operator_key: must be env:NAME or file:PATH; a key itself is never written into the configuration"),
        Mistake(
            "operator_key: 'env:NOPE'",
            "1:15: operator_key: environment variable NOPE is not set; set it, or remove this key"),
        Mistake(
            "operator_key: 'env:1X'",
            "1:15: operator_key: `env:` must be followed by the name of an environment variable"),
        Mistake("operator_key: 'file:nope'", "1:15: operator_key: secret file nope does not exist"),
        Mistake("operator_key: 'env:EMPTY'", "1:15: operator_key: environment variable EMPTY is empty"),
        Mistake(
            "operator_key: 'env:BLANK'",
            "1:15: operator_key: environment variable BLANK contains blanks, control characters or characters outside ASCII, which no HTTP header can carry"
        ),
        Mistake("secrets: {s: {upstreams: [echo]}}", "1:11: secrets.s.value: is missing; env:NAME or file:PATH"),
        Mistake(
            "secrets: {s: {value: 'env:GOOD'}}",
            "1:11: secrets.s.upstreams: must name at least one upstream: a credential is only ever sent where it is configured for"
        ),
        Mistake(
            "secrets: {s: {value: 'env:GOOD', upstreams: [ecco]}}",
            "1:46: secrets.s.upstreams: `ecco` is no configured upstream (echo); did you mean `echo`?"),
        Mistake(
            "secrets: {s: {value: 'env:GOOD', upstreams: [echo], tenants: [a_b]}}",
            "1:63: secrets.s.tenants: `a_b` is no tenant slug: "),
    ])
    func `a secret is a reference that can be followed`(mistake: Mistake) {
        let found = problems(mistake.yaml, environment: ["EMPTY": "", "BLANK": "a b", "GOOD": "k"])
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("config/gateway.yaml:\(mistake.message)") == true, "\(found)")
        #expect(!found.joined().contains("geheim"))
    }

    @Test(arguments: [
        Mistake(
            "tools: {'a.b': {}}", "1:9: tools.a.b: `a.b` must be 1 to 64 characters of letters, digits, `_` and `-`"),
        Mistake("tools: {t: {parameters: []}}", "1:25: tools.t.parameters: must be a mapping, not a list"),
        Mistake("step_settings: {ai-chat: 5}", "1:26: step_settings.ai-chat: must be a mapping, not a number"),
        Mistake(
            "step_settings: {ai-chat: {ai-engin: x}}",
            "1:37: step_settings.ai-chat.ai-engin: unknown setting \"ai-engin\""),
        Mistake(
            "step_settings: {ai-chat: {ai-temperature: 3}}",
            "1:43: step_settings.ai-chat.ai-temperature: must be a number from 0.0 to 2.0"),
        Mistake(
            "step_settings: {ollama-chat: {}}", "1:30: step_settings.ollama-chat: unknown section \"ollama-chat\""),
        Mistake(
            "step_settings: {openai-chat: {openai-api-key: sk-geheim}}",
            "1:47: step_settings.openai-chat.openai-api-key: must be \"secret:<name>\""),
        Mistake(
            "step_settings: {gateway: {upstream: ecco}}",
            "1:37: step_settings.gateway.upstream: `ecco` is no configured upstream (echo); did you mean `echo`?"),
        Mistake(
            "step_settings: {gateway: {fallback-upstreams: [echo, nope]}}",
            "1:47: step_settings.gateway.fallback-upstreams: `nope` is no configured upstream (echo)"),
        Mistake(
            "step_settings: {openai-chat: {openai-base-url: 'http://nope/v1'}}",
            "1:48: step_settings.openai-chat.openai-base-url: `http://nope/v1` is the base_url of no configured upstream"
        ),
        Mistake(
            "step_settings: {openai-chat: {openai-api-key: 'secret:nope'}}",
            "1:47: step_settings.openai-chat.openai-api-key: `nope` is no entry of `secrets`"),
        Mistake("agent_modes: {'': x}", "1:15: agent_modes.: must have a name: profiles choose a mode by it"),
        Mistake("agent_modes: {a: y, ' ': x}", "1:21: agent_modes. : must have a name"),
        Mistake(
            "limits: {requests_per_minute: -1}",
            "1:31: limits.requests_per_minute: must be from 1 to 1000000000, not -1"),
        Mistake(
            "tenants: {a: {unknown_model: maybe}}",
            "1:30: tenants.a.unknown_model: `maybe` is unknown; must be one of reject, default"),
        Mistake(
            "tenants: {a: {require_preconditions: yes}}",
            "1:38: tenants.a.require_preconditions: must be true or false, not text"),
        Mistake("tenants: {a: {display_name: 007}}", ""),
        Mistake(
            "tenants: {a: {display_name: 7}}",
            "1:29: tenants.a.display_name: must be text, not a number; put it in quotes"),
        Mistake(
            "tenants: {a: {model_aliases: {gpt-4o: a/b/c}}}",
            "1:39: tenants.a.model_aliases.gpt-4o: `a/b/c` must be `slug`, `registry/slug` or one of them with `@version`"
        ),
        Mistake(
            "profile_registry_db: a.db\nprofile_registry_dsn: 'file:b.db'",
            "2:23: profile_registry_dsn: names the same file as profile_registry_db (config/gateway.yaml:1:22); give one of the two"
        ),
        Mistake(
            "default_tenant: null\nprofile_registry_db: a.db",
            "2:22: default_tenant: a registry file is the default tenant's, and default_tenant is null"),
        Mistake(
            "profile_registry_dsn: 'file:b.db?_fkk=1'",
            "1:23: profile_registry_dsn: unknown option `_fkk`; did you mean `_fk`?; known are "),
    ])
    func `tools, limits, tenants and the registry file are checked`(mistake: Mistake) {
        let found = problems(mistake.yaml)
        if mistake.message.isEmpty {
            // 007 is no JSON number, so it is text, and nothing is lost.
            #expect(found == [])
        } else {
            #expect(found.count == 1)
            #expect(found.first?.hasPrefix("config/gateway.yaml:\(mistake.message)") == true, "\(found)")
        }
    }

    @Test(arguments: [
        Mistake(
            "listen: 127.0.0.1:1\ndata_dir: x\nlisten: 127.0.0.1:2",
            "listen: is given more than once in the same mapping"),
        Mistake("log: {level: info, level: debug}", "level: is given more than once in the same mapping"),
        Mistake("'1': a\n1: b", "1: is given more than once"),
        Mistake(
            "data_dir: a\nlog:\n  level: info\ndata_dir: b",
            "4:1: data_dir: is given more than once in the same mapping, first in line 1"),
        Mistake("a: [1, 2", "is no valid YAML: did not find expected ',' or ']'"),
        Mistake("a: b: c", "is no valid YAML: mapping values are not allowed in this context"),
        Mistake("a: 1\n---\nb: 2", "is no valid YAML: but found another document"),
    ])
    func `text that is no configuration says where it stops being one`(mistake: Mistake) {
        let found = problems(mistake.yaml)
        #expect(found.count == 1)
        #expect(
            found.first?.wholeMatch(of: /config\/gateway\.yaml:\d+:\d+: .*/.dotMatchesNewlines()) != nil, "\(found)")
        #expect(found.first?.contains(mistake.message) == true, "\(found)")
    }

    @Test func `all mistakes are reported at once, in the order of the file, then environment, then flags`() {
        let found = problems(
            "data_dir: ''\nupstreams:\n  x: {api: openai}\nlisten: nowhere\nbusy_timeout: 3",
            environment: ["PROFILE_GATEWAY_THREADS": "none"], flags: flags { $0.logLevel = "loud" })
        #expect(
            found.map { $0.prefix { $0 != " " } } == [
                "config/gateway.yaml:1:11:", "config/gateway.yaml:3:3:", "config/gateway.yaml:4:9:",
                "config/gateway.yaml:5:15:", "PROFILE_GATEWAY_THREADS:", "--log-level:",
            ])
    }

    @Test func `aliases cannot blow up a small file`() {
        var yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...6 {
            let one = "*a\(level - 1)"
            yaml += "a\(level): &a\(level) [\(Array(repeating: one, count: 10).joined(separator: ", "))]\n"
        }
        #expect(problems(yaml).first?.contains("has more than 100000 values") == true)
    }

    private func expect(_ mistake: Mistake) {
        let expected = mistake.message.split(separator: "\n").map { "config/gateway.yaml:\($0)" }
        #expect(problems(mistake.yaml) == expected)
    }

    private static func url(_ text: String) -> String {
        "upstreams: {a: {api: openai, base_url: '\(text)'}}"
    }

    private static func urlMessage(_ text: String) -> String {
        "1:40: upstreams.a.base_url: \(text)"
    }
}
