/// The parts of a runtime that a request may override (origin 4.3).
package enum OverrideKey: String, Sendable, CaseIterable {
    case systemPrompt = "system_prompt"
    case middlewares
    case tools
    case stepSettingsPatch = "step_settings_patch"

    /// The one spelling of a key: trimmed, lower case, `_` for `-` and before each word that starts with a capital.
    ///
    /// A run of capitals is one word, so `TOOLS` is `tools` and `HTTPTimeout` is `http_timeout` (`gateway.md §7`).
    package static func canonicalised(_ raw: String) -> String {
        let bytes = Array(SlugText.trimmed(raw).utf8)
        var result: [UInt8] = []
        func isCapital(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "A") < 26 }
        func isSmall(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "a") < 26 }
        for (index, byte) in bytes.enumerated() {
            guard isCapital(byte) else {
                result.append(byte == UInt8(ascii: "-") ? UInt8(ascii: "_") : byte)
                continue
            }
            let afterSmall = index > 0 && SlugText.isAlphanumeric(bytes[index - 1])
            let endsRun =
                index > 0 && isCapital(bytes[index - 1]) && index + 1 < bytes.count && isSmall(bytes[index + 1])
            if afterSmall || endsRun { result.append(UInt8(ascii: "_")) }
            result.append(byte | 0x20)
        }
        return String(decoding: result, as: UTF8.self)
    }
}
