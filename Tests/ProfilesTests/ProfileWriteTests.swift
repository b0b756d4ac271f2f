import JSON
import Profiles
import Testing

@Suite struct ProfileWriteTests {
    private let analyst = #"""
        {"registry":" Default ","slug":" Analyst ","display_name":" Analyst ","description":" d ",
         "runtime":{"system_prompt":" You analyse. ","middlewares":[{"name":"agentmode","id":"primary","config":{"default_mode":"chat"}}]},
         "policy":{"allow_overrides":true},"extensions":{"Vendor.Custom@V1":{"n":[1.10,9007199254740993,1e400,null]}},
         "set_default":true,"expected_version":0,"metadata":{"tags":["x"],"source":"ignored"}}
        """#

    @Test func `AP-2 MX-1 create makes version 1 and moves inline config into its slot`() throws {
        let body = try CreateProfileBody(decoding: JSONValue(parsing: analyst), rules: ProfileRules())
        #expect(body.registry == .default)
        #expect(body.slug.rawValue == "analyst")
        #expect(body.setDefault)
        #expect(body.expectedVersion == 0)
        let profile = try body.makeProfile(.first)
        #expect(
            profile.document(registry: .default, isDefault: true).text == #"""
                {"registry":"default","slug":"analyst","display_name":"Analyst","description":"d",\#
                "runtime":{"system_prompt":" You analyse. ","middlewares":[{"name":"agentmode","id":"primary"}]},\#
                "policy":{"allow_overrides":true,"read_only":false},\#
                "metadata":{"source":"http-api","version":1,"created_at_ms":1000,"updated_at_ms":1000,"created_by":"ann","updated_by":"ann","tags":["x"]},\#
                "extensions":{"vendor.custom@v1":{"n":[1.10,9007199254740993,1e400,null]},\#
                "middleware.agentmode_config@v1":{"instances":{"id:primary":{"default_mode":"chat"}}}},"is_default":true}
                """#)
    }

    @Test func `D50 schema defaults are not written into storage, and an empty config leaves no slot`() throws {
        let plain = try created(#"{"slug":"a","runtime":{"middlewares":[{"name":"agentmode"}]}}"#)
        #expect(plain.extensions.isEmpty)
        let empty = try created(
            #"{"slug":"a","runtime":{"middlewares":[{"name":"agentmode","config":{}}]},"extensions":{"middleware.agentmode_config@v1":{"instances":{"index:0":{"default_mode":"x"}}}}}"#
        )
        #expect(empty.extensions.isEmpty)
    }

    @Test func `a minimal profile has the origin's empty objects`() throws {
        let document = try created(#"{"slug":"a"}"#).document(registry: .default, isDefault: false)
        #expect(document["runtime"] == [:])
        #expect(document["policy"] == ["allow_overrides": false, "read_only": false])
        #expect(document["is_default"] == false)
        #expect(Profile(slug: .default).document(registry: .default, isDefault: false)["metadata"] == [:])
    }

    @Test func `stored documents read back as the same profile`() throws {
        let profile = try created(
            #"""
            {"slug":"a","display_name":"A","stack":[{"profile_slug":"b"},{"registry_slug":"r","profile_slug":"c"}],
             "runtime":{"system_prompt":null,"tools":[],"middlewares":null,"step_settings_patch":{"ai-chat":{"ai-temperature":0.70},"claude-chat":null},
             "variables":{"lang":{"type":"string","required":true,"default":"en","description":"d"},"gone":null}},
             "policy":{"allowed_override_keys":[],"denied_override_keys":["TOOLS"],"read_only":true,"on_denied":"ignore",
             "limits":{"ai-chat.ai-temperature":{"min":0,"max":1.0},"ai-chat.ai-engine":{"enum":["a","b"]}},"pass_unknown":false},
             "extensions":{"app.note@v1":null}}
            """#)
        let copy = try Profile(document: JSONValue(parsing: profile.storedDocument().canonical()))
        #expect(copy == profile)
        #expect(copy.storedDocument() == profile.storedDocument())
        #expect(copy.runtime.systemPrompt == .cleared)
        #expect(copy.runtime.tools == .set([]))
        #expect(copy.policy.allowedOverrideKeys == [])
        #expect(copy.policy.allowOverrides == nil)
    }

    @Test func `AP-1 list items have only their fields, and prompts only for readers`() throws {
        let profile = try created(analyst)
        #expect(
            profile.listItem(registry: .default, isDefault: true, includesPrompts: false).text
                == #"{"registry":"default","slug":"analyst","display_name":"Analyst","description":"d","is_default":true,"version":1,"updated_at_ms":1000}"#
        )
        let full = profile.listItem(registry: .default, isDefault: false, includesPrompts: true)
        #expect(full["default_prompt"] == " You analyse. ")
        #expect(full["extensions"]?["vendor.custom@v1"] != nil)
        #expect(full["is_default"] == nil)
    }

    @Test func `AP-4 patch replaces whole fields and keeps the creator`() throws {
        let profile = try patched(
            created(analyst),
            #"{"display_name":"New","runtime":{"system_prompt":"P"},"extensions":{"webchat.starter_suggestions@v1":{"items":["x"]}},"expected_version":1}"#
        )
        #expect(profile.metadata.version == 2)
        #expect(profile.metadata.createdBy == "ann" && profile.metadata.createdAtMs == 1000)
        #expect(profile.metadata.updatedBy == "bob" && profile.metadata.updatedAtMs == 2000)
        #expect(profile.metadata.source == "cli")
        #expect(profile.runtime.middlewares == .inherited)
        #expect(profile.description == "d")
        #expect(profile.extensions.count == 1)
    }

    @Test func `EX-4 a patch leaves what it does not name`() throws {
        let before = try created(analyst)
        let after = try patched(before, #"{"display_name":"","description":null}"#)
        #expect(after.extensions == before.extensions)
        #expect(after.displayName == "" && after.description == "d")
    }

    @Test(arguments: [
        #"{}"#, #"{"display_name":" Analyst "}"#, #"{"runtime":null}"#, #"{"slug":"ANALYST","registry":"default"}"#,
        #"{"metadata":{"version":1,"tags":["x"],"created_by":"ann"}}"#,
        #"{"policy":{"allow_overrides":true}}"#, #"{"extensions":null,"set_default":true}"#,
    ])
    func `D59 a patch that changes nothing keeps the version`(_ body: String) throws {
        let profile = try created(analyst)
        #expect(try patched(profile, body) == profile)
        #expect(try merged(profile, #"{"runtime":{"tools":null},"extensions":{"no.such@v1":null}}"#) == profile)
    }

    @Test func `a change of Unicode form only is a change`() throws {
        let profile = try created("{\"slug\":\"a\",\"display_name\":\"\u{E9}\"}")
        #expect(try patched(profile, "{\"display_name\":\"e\u{301}\"}").metadata.version == 2)
    }

    @Test(arguments: [
        (#"{"slug":"other"}"#, "profile.slug"), (#"{"metadata":{"version":2}}"#, "metadata.version"),
        (#"{"metadata":{"updated_by":"eve"}}"#, "metadata.updated_by"), (#"{"is_default":true}"#, "is_default"),
        (#"{"extensions":{"bad key":1}}"#, "profile.extensions[bad key]"),
        (#"{"runtime":{"middlewares":[{"name":"nope"}]}}"#, "runtime.middlewares[0].name"),
    ])
    func `EX-6 a refused patch names its field`(_ body: String, _ field: String) throws {
        let profile = try created(analyst)
        #expect(try #require(throws: ValidationError.self) { try patched(profile, body) }.field == field)
        #expect(try #require(throws: ValidationError.self) { try merged(profile, body) }.field == field)
    }

    @Test func `a merge patch merges deeply and null removes`() throws {
        let before = try created(
            #"{"slug":"a","description":"d","runtime":{"system_prompt":"P","tools":["t"],"step_settings_patch":{"ai-chat":{"ai-engine":"m","ai-temperature":0.5}}},"extensions":{"a.b@v1":{"x":1,"y":2}},"metadata":{"tags":["t"]}}"#
        )
        let after = try merged(
            before,
            #"{"description":null,"runtime":{"tools":null,"step_settings_patch":{"ai-chat":{"ai-temperature":null,"ai-top-p":1.0}}},"extensions":{"A.B@v1":{"y":null,"z":3}},"policy":{"read_only":true},"metadata":{"tags":null}}"#
        )
        #expect(after.description == "")
        #expect(
            after.runtime.document() == [
                "system_prompt": "P",
                "step_settings_patch": try JSONValue(parsing: #"{"ai-chat":{"ai-engine":"m","ai-top-p":1.0}}"#),
            ])
        #expect(after.extensions == ["a.b@v1": ["x": 1, "z": 3]])
        #expect(after.policy.readOnly && after.policy.allowOverrides == nil)
        #expect(after.metadata.tags.isEmpty && after.metadata.version == 2)
    }

    @Test(arguments: [
        (#"{"colour":null}"#, "colour"), (#"{"runtime":{"prompt":null}}"#, "runtime.prompt"),
        (#"{"policy":{"allow":true}}"#, "policy.allow"), (#"{"runtime":"x"}"#, "runtime"), (#"[]"#, ""),
    ])
    func `a merge patch refuses unknown fields even to remove them`(_ body: String, _ field: String) throws {
        let profile = try created(analyst)
        #expect(try #require(throws: ValidationError.self) { try merged(profile, body) }.field == field)
    }

    @Test func `PUT takes what GET gave, changes nothing and keeps the version`() throws {
        var profile = try created(analyst)
        profile.runtime.stepSettingsPatch = .set(["openai-chat": ["openai-api-key": "sk-stored"]])
        let shown = profile.document(registry: .default, isDefault: true)
        #expect(shown["runtime"]?["step_settings_patch"]?["openai-chat"]?["openai-api-key"] == "***")
        let body = try PutProfileBody(decoding: shown, slug: profile.slug, rules: ProfileRules())
        #expect(body.expectedVersion == 1)
        #expect(try body.makeProfile(replacing: profile, .second) == profile)
        #expect(throws: ValidationError.self) { try body.makeProfile(replacing: nil, .second) }
    }

    @Test func `PUT replaces everything it does not mention and can create`() throws {
        let profile = try created(analyst)
        let body = try PutProfileBody(
            decoding: JSONValue(
                parsing: #"{"runtime":{"system_prompt":"New"},"expected_version":1,"metadata":{"version":9}}"#),
            slug: profile.slug, rules: ProfileRules())
        #expect(body.expectedVersion == 1)
        let replaced = try body.makeProfile(replacing: profile, .second)
        #expect(replaced.displayName.isEmpty && replaced.extensions.isEmpty && replaced.metadata.tags.isEmpty)
        #expect(replaced.metadata.version == 2 && replaced.metadata.createdBy == "ann")
        #expect(try body.makeProfile(replacing: nil, .second).metadata.version == 1)
        #expect(throws: ValidationError.self) {
            try PutProfileBody(decoding: ["slug": "other"], slug: profile.slug, rules: ProfileRules())
        }
    }

    @Test func `PUT of a shown policy keeps one that says nothing about overrides`() throws {
        let profile = try created(#"{"slug":"a"}"#)
        let body = try PutProfileBody(
            decoding: profile.document(registry: .default, isDefault: false), slug: profile.slug, rules: ProfileRules())
        #expect(try body.makeProfile(replacing: profile, .second).policy.allowOverrides == nil)
    }

    @Test func `slots follow their middlewares when the list changes`() throws {
        let before = try created(
            #"{"slug":"a","runtime":{"middlewares":[{"name":"agentmode","id":"one","config":{"default_mode":"x"}},{"name":"agentmode","config":{"default_mode":"y"}}]}}"#
        )
        let moved = try patched(before, #"{"runtime":{"middlewares":[{"name":"agentmode"}]}}"#)
        #expect(
            moved.extensions == ["middleware.agentmode_config@v1": ["instances": ["index:0": ["default_mode": "y"]]]])
        let gone = try patched(moved, #"{"runtime":{}}"#)
        #expect(gone.extensions.isEmpty)
        let rewritten = try patched(
            before,
            #"{"runtime":{"middlewares":[{"name":"agentmode"}]},"extensions":{"middleware.agentmode_config@v1":{"instances":{"index:0":{"default_mode":"new"}}}}}"#
        )
        #expect(
            rewritten.extensions == [
                "middleware.agentmode_config@v1": ["instances": ["index:0": ["default_mode": "new"]]]
            ])
    }

    @Test func `D49 editing the slot of the bootstrapped agent takes effect`() throws {
        let agent = try #require(Bootstrap.content(.first).profiles.first)
        let edited = try patched(
            agent,
            #"{"extensions":{"middleware.agentmode_config@v1":{"instances":{"id:default":{"default_mode":"chat"}}}}}"#)
        let use = try #require(edited.runtime.middlewares.value?.first)
        #expect(MiddlewareProjection.config(of: use, at: 0, in: edited.extensions) == ["default_mode": "chat"])
    }

    @Test func `a profile of an older file can be renamed although its parts would be refused today`() throws {
        let old = try Profile(
            document: JSONValue(
                parsing:
                    #"{"slug":"a","runtime":{"middlewares":[{"name":"sqlite","config":{"dsn":"x"}}],"tools":[],"step_settings_patch":{"openai-chat":{"openai-api-key":"sk-1"}}},"policy":{"allow_overrides":true,"allowed_override_keys":["whatever"],"read_only":false}}"#
            ), origin: .foreign)
        #expect(old.runtime.tools == .inherited)
        #expect(old.runtime.maskingLiteralKeys() != old.runtime)
        #expect(try patched(old, #"{"display_name":"A"}"#).metadata.version == 1)
    }

    @Test func `ST-4 touching keeps the creator and never turns time back`() {
        var metadata = ProfileMetadata()
        metadata.touch(.second)
        metadata.touch(.first)
        metadata.touch(ChangeStamp(actor: "", source: "", nowMs: 5))
        #expect(metadata.version == 3)
        #expect(metadata.createdBy == "bob" && metadata.createdAtMs == 2000)
        #expect(metadata.updatedBy == "ann" && metadata.updatedAtMs == 2000 && metadata.source == "http-api")
    }
}
