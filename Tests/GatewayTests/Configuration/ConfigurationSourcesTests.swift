import Gateway
import HTTPServer
import JSON
import Profiles
import Testing

@Suite struct ConfigurationSourcesTests {
    @Test func `without any source every setting has its default`() throws {
        let loaded = try load()
        let configuration = loaded.configuration
        #expect(configuration.listen.map(\.description) == ["127.0.0.1:8080"])
        #expect(configuration.dataDirectory == "./data")
        #expect(configuration.defaultTenant?.rawValue == "default")
        #expect(configuration.operatorKey == nil)
        #expect(configuration.upstreams.map(\.name) == ["echo"])
        #expect(configuration.defaultUpstream == "echo")
        #expect(configuration.maximumBodyBytes == .init())
        #expect(configuration.maximumBodyBytes.chat == 33_554_432)
        #expect(configuration.maximumOpenTenants == 512)
        #expect(configuration.shutdownGrace == .seconds(30))
        #expect(configuration.registryFile == nil)
        #expect(loaded.file == nil)
        #expect(loaded.warnings == [])
        #expect(loaded.report.rows.allSatisfy { $0.origin == .builtIn })
    }

    @Test func `flag beats environment beats file beats default, setting by setting`() throws {
        let yaml = "data_dir: file\nlog: {level: error, format: text}\nlisten: 127.0.0.1:1\nthreads: 3"
        let environment = [
            "PROFILE_GATEWAY_DATA_DIR": "environment", "PROFILE_GATEWAY_LOG_LEVEL": "debug",
            "PROFILE_GATEWAY_LISTEN": "127.0.0.1:2, [::1]:2",
        ]
        let loaded = try load(
            yaml, environment: environment,
            flags: flags {
                $0.dataDirectory = "flag"
                $0.listen = ["127.0.0.1:3"]
            })
        #expect(loaded.configuration.dataDirectory == "flag")
        #expect(loaded.configuration.listen.map(\.description) == ["127.0.0.1:3"])
        #expect(loaded.configuration.log.level == .debug)
        #expect(loaded.configuration.log.format == .text)
        #expect(loaded.configuration.threads == 3)
        let sources = Dictionary(uniqueKeysWithValues: loaded.report.rows.map { ($0.key, $0.origin.description) })
        #expect(sources["data_dir"] == "--data-dir")
        #expect(sources["listen"] == "--listen")
        #expect(sources["log.level"] == "PROFILE_GATEWAY_LOG_LEVEL")
        #expect(sources["log.format"] == "config/gateway.yaml:2:29")
        #expect(sources["threads"] == "config/gateway.yaml:4:10")
        #expect(sources["busy_timeout"] == "default")
    }

    @Test func `a mistake in a value that a stronger source replaces does not matter`() {
        #expect(problems("data_dir: ''", environment: ["PROFILE_GATEWAY_DATA_DIR": "x"]) == [])
    }

    @Test func `structured settings can come from the environment as YAML`() throws {
        let loaded = try load(environment: [
            "PROFILE_GATEWAY_UPSTREAMS": "{local: {api: openai, base_url: \"http://127.0.0.1:1/v1/\"}}",
            "PROFILE_GATEWAY_TRUSTED_PROXIES": "[10.0.0.0/8, '::1']", "PROFILE_GATEWAY_MAX_BODY_BYTES_CHAT": "64MiB",
        ])
        #expect(loaded.configuration.upstreams.first?.baseURL == "http://127.0.0.1:1/v1")
        #expect(loaded.configuration.defaultUpstream == "local")
        #expect(loaded.configuration.trustedProxies.map(\.description) == ["10.0.0.0/8", "::1"])
        #expect(loaded.configuration.maximumBodyBytes.chat == 64 << 20)
        #expect(
            problems(environment: ["PROFILE_GATEWAY_UPSTREAMS": "{a: {api: oops}}"]).first?
                .hasPrefix("PROFILE_GATEWAY_UPSTREAMS: upstreams.a.api: `oops` is unknown") == true)
        #expect(
            problems(environment: ["PROFILE_GATEWAY_UPSTREAMS": "{a"]).first?
                .hasPrefix("PROFILE_GATEWAY_UPSTREAMS: upstreams: is no valid YAML: ") == true)
    }

    @Test func `default_tenant null means nobody, from the file and from the environment`() throws {
        #expect(try load("default_tenant: null").configuration.defaultTenant == nil)
        #expect(try load(environment: ["PROFILE_GATEWAY_DEFAULT_TENANT": "null"]).configuration.defaultTenant == nil)
        #expect(try load("data_dir: null").configuration.dataDirectory == "./data")
    }

    @Test func `an empty variable is a mistake, except for a list`() throws {
        #expect(
            problems(environment: ["PROFILE_GATEWAY_DATA_DIR": ""]) == [
                "PROFILE_GATEWAY_DATA_DIR: data_dir: is set but empty; unset it or give it a value"
            ])
        #expect(
            problems(environment: ["PROFILE_GATEWAY_OPERATOR_KEY": ""]) == [
                "PROFILE_GATEWAY_OPERATOR_KEY: operator_key: is empty; unset it or give it a value"
            ])
        let loaded = try load("trusted_proxies: ['::1']", environment: ["PROFILE_GATEWAY_TRUSTED_PROXIES": ""])
        #expect(loaded.configuration.trustedProxies == [])
    }

    @Test func `an unknown variable of ours is warned about, those of Kubernetes and of secrets are not`() throws {
        let loaded = try load(
            "operator_key: env:PROFILE_GATEWAY_MY_KEY",
            environment: [
                "PROFILE_GATEWAY_LISTNE": "x", "PROFILE_GATEWAY_PORT": "tcp://10.0.0.1:80",
                "PROFILE_GATEWAY_SERVICE_HOST": "10.0.0.1", "PROFILE_GATEWAY_PORT_80_TCP_PROTO": "tcp",
                "PROFILE_GATEWAY_MY_KEY": "geheim", "OTHER": "x",
            ])
        #expect(
            loaded.warnings.map(\.description) == [
                "PROFILE_GATEWAY_LISTNE: unknown environment variable, ignored; did you mean `PROFILE_GATEWAY_LISTEN`?"
            ])
    }

    @Test func `the file is the flag's, else the variable's, else the default one, and a named one must exist`() throws
    {
        let files = ["a.yaml": "data_dir: a", "b.yaml": "data_dir: b"]
        let environment = ["PROFILE_GATEWAY_CONFIG": "b.yaml"]
        let byFlag = try load(
            "data_dir: c", environment: environment, flags: flags { $0.configPath = "a.yaml" }, files: files)
        #expect(byFlag.configuration.dataDirectory == "a")
        #expect(byFlag.file == "a.yaml")
        #expect(try load("data_dir: c", environment: environment, files: files).configuration.dataDirectory == "b")
        #expect(try load("data_dir: c", files: files).configuration.dataDirectory == "c")
        #expect(
            problems(flags: flags { $0.configPath = "nope.yaml" }) == [
                "--config: configuration file nope.yaml does not exist"
            ])
    }

    @Test func `both registry flags are an error, a stronger source wins with a warning`() throws {
        let both = flags {
            $0.profileRegistryDB = "a.db"
            $0.profileRegistryDSN = "file:b.db"
        }
        #expect(
            problems(flags: both) == [
                "--profile-registry-dsn: profile_registry_dsn: names the same file as profile_registry_db "
                    + "(--profile-registry-db); give one of the two"
            ])
        let loaded = try load("profile_registry_dsn: file:b.db", flags: flags { $0.profileRegistryDB = "a.db" })
        #expect(loaded.configuration.registryFile?.path == "a.db")
        #expect(
            loaded.warnings.map(\.description) == [
                "config/gateway.yaml:1:23: profile_registry_dsn: is ignored: --profile-registry-db names the registry file"
            ])
    }

    @Test(arguments: [":8080", "0.0.0.0:80", "[::]:80", "10.1.2.3:8080", "[fd00::1]:80"])
    func `an address others can reach needs a key`(address: String) throws {
        let open = flags { $0.listen = [address] }
        let found = problems(flags: open)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("--listen: listen: \(address) can be reached from other machines") == true)
        let guarded = try load(environment: ["PROFILE_GATEWAY_OPERATOR_KEY": "k"], flags: open)
        #expect(guarded.configuration.isExposed)
    }

    @Test(arguments: [
        "127.0.0.1:0", "127.9.9.9:1", "[::1]:80", "localhost:8080", "unix:/tmp/x.sock", "[::ffff:127.0.0.1]:1",
    ])
    func `an address of this machine needs none`(address: String) {
        #expect(problems(flags: flags { $0.listen = [address] }) == [])
    }

    @Test func `a key over plain http to another machine is warned about`() throws {
        let yaml = "upstreams: {a: {api: openai, base_url: 'http://10.0.0.1/v1', api_key: 'env:K'}}"
        #expect(
            try load(yaml, environment: ["K": "k"]).warnings.map(\.description) == [
                "config/gateway.yaml:1:71: upstreams.a.api_key: is sent unencrypted: base_url is http, not https"
            ])
    }

    @Test func `named things arrive complete and in the order of the file`() throws {
        let yaml = """
            upstreams:
              zeta: {api: openai, base_url: "https://z.example/v1", timeouts: {first_byte: 3s}, max_connections: 7}
              alpha: {api: openai, base_url: "https://a.example"}
            step_settings: {gateway: {upstream: alpha, fallback-upstreams: [zeta]}, openai-chat: {openai-base-url: "https://z.example/v1/", openai-api-key: "secret:s"}, ai-chat: {ai-engine: m, ai-temperature: 1.10, ai-max-response-tokens: 9007199254740993}}
            tools: {calc: {description: d, parameters: {type: object, x: [1, true, null, "no", no]}}}
            secrets: {s: {value: env:K, upstreams: [alpha], tenants: [acme]}}
            limits: {concurrent_chats: 4}
            tenants:
              acme: {display_name: Acme, unknown_model: default, model_aliases: {gpt: default/agent}, limits: {tokens_per_minute: 5}}
              plain:
            """
        let configuration = try load(yaml, environment: ["K": "geheim"]).configuration
        #expect(configuration.upstreams.map(\.name) == ["zeta", "alpha"])
        #expect(configuration.defaultUpstream == "zeta")
        #expect(configuration.upstream(named: "zeta")?.timeouts.firstByte == .seconds(3))
        #expect(configuration.upstream(named: "zeta")?.timeouts.total == .seconds(600))
        #expect(configuration.upstream(named: "zeta")?.maximumConnections == 7)
        #expect(
            String(decoding: (configuration.stepSettings["ai-chat"] ?? .null).encoded(), as: UTF8.self)
                == #"{"ai-engine":"m","ai-temperature":1.10,"ai-max-response-tokens":9007199254740993}"#)
        let parameters = configuration.tools.first?.parameters.map {
            String(decoding: JSONValue.object($0).encoded(), as: UTF8.self)
        }
        #expect(parameters == #"{"type":"object","x":[1,true,null,"no","no"]}"#)
        #expect(configuration.secrets.first?.value.reveal() == "geheim")
        #expect(configuration.limits.concurrentChats == 4)
        #expect(configuration.tenants.map(\.slug.rawValue) == ["acme", "plain"])
        #expect(configuration.tenants.first?.unknownModel == .default)
        #expect(configuration.tenants.first?.modelAliases == ["gpt": "default/agent"])
        #expect(configuration.tenants.first?.limits?.tokensPerMinute == 5)
        #expect(configuration.tenants.last?.limits == nil)
    }
}
