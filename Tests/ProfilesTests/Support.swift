import JSON
import Profiles

/// SplitMix64: the same seed gives the same cases on every run.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

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
