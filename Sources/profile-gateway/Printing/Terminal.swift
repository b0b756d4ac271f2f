// What standard output can show: colours, and no control characters that came from elsewhere.

import FoundationEssentials
import Glibc

enum Terminal {
    /// Whether standard output is a terminal that a human looks at.
    static let isInteractive = isatty(STDOUT_FILENO) == 1

    /// Colours are for terminals, unless NO_COLOR says otherwise (https://no-color.org).
    static let isColoured: Bool = {
        let environment = ProcessInfo.processInfo.environment
        guard isInteractive, environment["TERM"] != "dumb" else { return false }
        return environment["NO_COLOR", default: ""].isEmpty
    }()

    /// The text without anything that could move a cursor or change a colour: prompts and answers are others' words.
    static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0A, 0x09: result.unicodeScalars.append(scalar)
            case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069: result.unicodeScalars.append("\u{FFFD}")
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// How a piece of text looks on a terminal.
enum Style: String {
    case heading = "1"
    case faint = "2"
    case good = "32"
    case warning = "33"
    case bad = "31"
    case source = "36"

    func callAsFunction(_ text: String) -> String {
        Terminal.isColoured && !text.isEmpty ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
    }
}
