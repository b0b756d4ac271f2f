// Fetches what `env:NAME` and `file:PATH` point to. A key written into the configuration itself is refused: it would
// end up in version control, backups and `config show`. The refused text is never repeated in the message.

/// Resolver of secret references.
struct SecretReader: Sendable {
    let environment: [String: String]
    let files: any ConfigurationFiles
    /// False: references are checked for their form, and stand for themselves.
    var isReading = true

    /// Reads one reference; the thrown reason never contains the secret.
    func secret(_ reference: String) throws(InvalidSetting) -> Secret {
        let value: String
        let place: String
        if reference.hasPrefix("env:") {
            let name = String(reference.dropFirst(4))
            guard Self.isVariableName(name) else {
                throw InvalidSetting("`env:` must be followed by the name of an environment variable")
            }
            guard isReading else { return Secret(reference, reference: reference) }
            guard let found = environment[name] else {
                throw InvalidSetting("environment variable \(name) is not set; set it, or remove this key")
            }
            value = found
            place = "environment variable \(name)"
        } else if reference.hasPrefix("file:") {
            let path = String(reference.dropFirst(5))
            guard !path.isEmpty else { throw InvalidSetting("`file:` must be followed by a path") }
            guard isReading else { return Secret(reference, reference: reference) }
            value = try files.secretFile(path).trimmingLineEnd
            place = "secret file \(path)"
        } else {
            throw InvalidSetting(
                "must be env:NAME or file:PATH; a key itself is never written into the configuration")
        }
        if let problem = Secret.problem(in: value) { throw InvalidSetting("\(place) \(problem)") }
        return Secret(value, reference: reference)
    }

    private static func isVariableName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                || (0x61...0x7A).contains(byte)
        }
    }
}

extension String {
    /// Without one line end, which editors and `echo` add.
    fileprivate var trimmingLineEnd: String {
        // "\r\n" is one Character.
        guard let last, last == "\n" || last == "\r\n" else { return self }
        return String(dropLast())
    }
}
