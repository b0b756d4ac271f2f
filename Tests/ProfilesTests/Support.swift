import JSON
import Profiles

extension ChangeStamp {
    static let first = ChangeStamp(actor: "ann", source: "http-api", nowMs: 1000)
    static let second = ChangeStamp(actor: "bob", source: "cli", nowMs: 2000)
}

extension JSONValue {
    var text: String { String(decoding: encoded(), as: UTF8.self) }
}

/// A profile made by the body of a create request.
func created(_ body: String, rules: ProfileRules = ProfileRules()) throws -> Profile {
    try CreateProfileBody(decoding: JSONValue(parsing: body), rules: rules).makeProfile(.first)
}

func patched(_ profile: Profile, _ body: String, rules: ProfileRules = ProfileRules()) throws -> Profile {
    try PatchProfileBody(decoding: JSONValue(parsing: body), rules: rules).apply(to: profile, .second)
}

func merged(_ profile: Profile, _ body: String, rules: ProfileRules = ProfileRules()) throws -> Profile {
    try PatchProfileBody(decodingMergePatch: JSONValue(parsing: body), rules: rules).apply(to: profile, .second)
}
