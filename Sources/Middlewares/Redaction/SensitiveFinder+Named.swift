import Patterns

extension SensitiveFinder {
    /// The patterns that profiles may choose by name.
    enum Named: String, CaseIterable, Sendable {
        case email, card, iban, phone

        var label: String { rawValue.uppercased() }

        /// The expressions are ours and always compile; a test compiles each.
        func finder() throws(PatternError) -> SensitiveFinder {
            var options = Pattern.Options()
            // Classes of Unicode letters make large programs.
            options.maximumMemory = 8 << 20
            options.maximumProgramSize = 20_000
            let pattern = try Pattern.shared(source, options: options)
            return switch self {
            case .email: SensitiveFinder(label: label, pattern: pattern)
            case .card: SensitiveFinder(label: label, pattern: pattern, verify: CardNumber.ranges)
            case .iban: SensitiveFinder(label: label, pattern: pattern, verify: BankAccountNumber.ranges)
            case .phone: SensitiveFinder(label: label, pattern: pattern, verify: PhoneNumber.ranges)
            }
        }

        private var source: String {
            switch self {
            case .email:
                #"[\pL\pN.!#$%&'*+/=?^_`{|}~-]+@[\pL\pN](?:[\pL\pN.-]*[\pL\pN])?\.\pL{2,}"#
            // Runs of digits with at most one blank or hyphen between two of them.
            case .card: #"[0-9](?:[ -]?[0-9]){12,}"#
            // Only how one begins; how long it is depends on the country.
            case .iban: #"\b[A-Za-z]{2}[0-9]{2}"#
            // With a country code; North American; with a leading zero in one piece, after an area code, or in pairs.
            case .phone:
                #"(?:\+|\b00)[1-9](?:[ .()/-]{0,2}[0-9]){6,14}\b"#
                    + #"|(?:\([0-9]{3}\) ?|\b[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}\b"#
                    + #"|\b0[1-9][0-9]{1,3}[ /-]?[0-9]{5,9}\b"#
                    + #"|\b0[1-9][0-9]{1,3}(?: [0-9]{2,4}){2,4}\b"#
                    + #"|\b0[1-9](?:[ .][0-9]{2}){4}\b"#
            }
        }
    }
}
