import Gateway
import Glibc

/// Asks the person at the terminal.
enum Question {
    /// Whether there is somebody to ask: input and output are a terminal.
    static let canAsk = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1

    /// Asks until one of the letters is answered.
    ///
    /// - Parameters:
    ///   - choices: letters with what they mean.
    ///   - harmless: what the end of the input stands for.
    static func choose(
        _ question: String, _ choices: [(letter: Character, meaning: String)], harmless: Character
    ) -> Character {
        let list = choices.map { "[\($0.letter)] \($0.meaning)" }.joined(separator: "  ")
        while true {
            Output.errorText("\(question)  \(list)  ")
            guard let answer = readLine() else {
                Output.errorText("\n")
                return harmless
            }
            let letter = answer.lowercased().first { $0 != " " }
            if let chosen = choices.first(where: { $0.letter == letter }) { return chosen.letter }
        }
    }

    /// A yes-or-no question about something that is hard to undo; where nobody can be asked, asking was the caller's.
    ///
    /// - Throws: `ClientFailure` when the answer is no.
    static func confirm(_ question: String, assumingYes: Bool) throws(ClientFailure) {
        guard !assumingYes, canAsk else { return }
        guard choose(question, [("y", "yes"), ("n", "no")], harmless: "n") == "y" else {
            throw ClientFailure(.failed, "nothing was changed")
        }
    }
}
