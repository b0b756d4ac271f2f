import Profiles
import Testing

@Suite struct SlugTests {
    @Test(arguments: [
        ("  My-Profile_01  ", "my-profile_01"), ("a", "a"), ("7", "7"), ("A.B_c-D", "a.b_c-d"),
        ("a..--__b", "a..--__b"),
        ("\u{00A0}\tagent\n\u{2003}", "agent"),
        (String(repeating: "x", count: 128), String(repeating: "x", count: 128)),
    ])
    func `SL-1 slugs are trimmed and lower-cased`(_ raw: String, _ slug: String) throws {
        #expect(try ProfileSlug(validating: raw).rawValue == slug)
        #expect(try RegistrySlug(validating: raw).rawValue == slug)
    }

    @Test(arguments: [
        "bad slug", "-a", "a-", ".", "a/b", "_", "a.", "ä", "\u{212A}elvin", "a\u{0}b", "slug!", "a\nb",
        String(repeating: "x", count: 129),
    ])
    func `SL-2 SL-6 malformed slugs are refused with the text as given`(_ raw: String) throws {
        let error = try #require(throws: ValidationError.self) { try ProfileSlug(validating: raw) }
        #expect(error.field == "profile.slug")
        #expect(error.reason == "profile slug \"\(raw)\" is invalid")
        #expect(
            error.description
                == "invalid profile slug: validation error (profile.slug): profile slug \"\(raw)\" is invalid")
        let other = try #require(throws: ValidationError.self) { try RegistrySlug(validating: raw) }
        #expect(other.description.hasPrefix("invalid registry: validation error (registry.slug): registry slug"))
    }

    @Test(arguments: ["", "   ", "\u{3000}"])
    func `SL-3 blank slugs are refused`(_ raw: String) throws {
        let error = try #require(throws: ValidationError.self) { try ProfileSlug(validating: raw) }
        #expect(error.reason == "profile slug cannot be empty")
    }

    @Test func `slugs sort by bytes`() throws {
        let slugs = ["b", "a.b", "a-b", "a_b", "ab", "a"].compactMap { ProfileSlug($0) }.sorted()
        #expect(slugs.map(\.rawValue) == ["a", "a-b", "a.b", "a_b", "ab", "b"])
    }

    @Test(arguments: [
        ("Acme", "acme"), ("a-1", "a-1"), (String(repeating: "t", count: 63), String(repeating: "t", count: 63)),
    ])
    func `tenant slugs`(_ raw: String, _ slug: String) throws {
        #expect(try TenantSlug(validating: raw).rawValue == slug)
    }

    @Test(arguments: ["a.b", "a_b", "-a", "a-", "", "..", "a/b", String(repeating: "t", count: 64)])
    func `tenant slugs are narrower than others`(_ raw: String) {
        #expect(throws: ValidationError.self) { try TenantSlug(validating: raw) }
    }

    @Test(arguments: [
        ("  WebChat.Starter_Suggestions@V1 ", "webchat.starter_suggestions@v1"),
        ("Vendor.Custom@V1", "vendor.custom@v1"),
        ("a.b@v99999", "a.b@v99999"),
        ("\(String(repeating: "a", count: 64)).b@v1", "\(String(repeating: "a", count: 64)).b@v1"),
    ])
    func `EX-1 extension keys become canonical`(_ raw: String, _ key: String) throws {
        #expect(try ExtensionKey(validating: raw).rawValue == key)
    }

    @Test(arguments: [
        "", "missingversion", "namespace.feature@v0", "namespace.@v1", "namespace.feature@v-1", "name space.feature@v1",
        "bad key", "a.b@v100000", "a.b@v01", "a.b.c@v1", "a@v1", ".b@v1", "a.b@1", "a.b@v", "a.b@v1@v1", "-a.b@v1",
        "a.b_@v1", "\(String(repeating: "a", count: 65)).b@v1",
    ])
    func `EX-2 malformed extension keys are refused by name`(_ raw: String) throws {
        let error = try #require(throws: ValidationError.self) { try ExtensionKey(validating: raw) }
        #expect(error.field == "profile.extensions[\(raw)]")
        #expect(error.reason == "extension key \"\(raw)\" is invalid (expected namespace.feature@vN)")
    }

    @Test(arguments: [
        ("TOOLS", "tools"), ("tools", "tools"), ("systemPrompt", "system_prompt"), ("system-prompt", "system_prompt"),
        ("SystemPrompt", "system_prompt"), ("SYSTEM_PROMPT", "system_prompt"),
        (" Step-Settings-Patch ", "step_settings_patch"),
        ("stepSettingsPatch", "step_settings_patch"), ("HTTPTimeout", "http_timeout"), ("useHTTP", "use_http"),
        ("v2Tools", "v2_tools"), ("HTTP2", "http2"), ("", ""),
    ])
    func `override keys have one spelling`(_ raw: String, _ key: String) {
        #expect(OverrideKey.canonicalised(raw) == key)
    }
}
