// The driver's connection strings: `file:./data/profiles.db?_journal_mode=WAL&_busy_timeout=5000&_foreign_keys=on`.
// Read as the origin's driver and SQLite read them together: everything after the first `?` is options; with `file:`
// the path is percent-decoded and may have an empty or `localhost` authority, without it the path is taken as it is.
// An option we do not know is refused by name: silently dropping `_foreign_keyz=on` is how data gets lost.

internal import SQLite

/// Parser of registry DSNs.
package enum DSN {
    /// Reads a DSN; the thrown reason names the option or the part that is wrong.
    package static func parse(_ text: String) throws(InvalidSetting) -> RegistryFileOptions {
        let question = text.firstIndex(of: "?")
        let head = text[..<(question ?? text.endIndex)]
        let query = question.map { text[text.index(after: $0)...] }

        let path: String
        if head.hasPrefix("file:") {
            path = try filePath(head.dropFirst(5))
        } else {
            path = String(head)
        }
        try RegistryFileOptions.check(path)

        var reader = DSNOptionReader()
        for (name, value) in try pairs(query ?? "") {
            try reader.apply(name: name, value: value)
        }
        return RegistryFileOptions(path: path, options: try reader.finish(), remarks: reader.remarks)
    }

    /// The path of a `file:` URI.
    private static func filePath(_ text: Substring) throws(InvalidSetting) -> String {
        if text.contains("#") {
            throw InvalidSetting("`#` ends a file: URI; write %23 for a # in the name, or use profile_registry_db")
        }
        var path = text
        if path.hasPrefix("//") {
            let rest = path.dropFirst(2)
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            let authority = rest[..<slash]
            guard authority.isEmpty || authority == "localhost" else {
                throw InvalidSetting("`file://\(authority)` names another machine; write file:\(authority)… for a path")
            }
            path = rest[slash...]
        }
        return try percentDecoded(path, plusIsSpace: false)
    }

    /// Names and values of the options, decoded.
    private static func pairs(_ query: Substring) throws(InvalidSetting) -> [(name: String, value: String)] {
        if query.contains("#") {
            throw InvalidSetting("`#` ends a file: URI; options behind it would be lost")
        }
        var found: [(name: String, value: String)] = []
        for piece in query.split(separator: "&") {
            let equals = piece.firstIndex(of: "=")
            let name = try percentDecoded(piece[..<(equals ?? piece.endIndex)], plusIsSpace: true)
            guard let equals else { throw InvalidSetting("option `\(name)` has no value; write \(name)=…") }
            let value = try percentDecoded(piece[piece.index(after: equals)...], plusIsSpace: true)
            found.append((name, value))
        }
        return found
    }

    /// Decodes `%41`; a `%` without two hexadecimal digits and text that is no UTF-8 are refused.
    private static func percentDecoded(_ text: Substring, plusIsSpace: Bool) throws(InvalidSetting) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal)
                else {
                    throw InvalidSetting("`\(text)`: % must be followed by two hexadecimal digits; write %25 for %")
                }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw InvalidSetting("`\(text)` is no UTF-8 text once decoded")
        }
        return decoded
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
