/// The filters of one streamed answer, one chain of them for every text of every choice.
package struct AnswerStream: Sendable {
    /// One streamed text: of which choice, and where in it.
    package struct Place: Hashable, Sendable {
        package let choice: Int
        package let place: ChatTextPlace

        package init(choice: Int, place: ChatTextPlace = .content) {
            self.choice = choice
            self.place = place
        }
    }

    private let sessions: [any MiddlewareSession]
    private let expectsJSON: Bool
    private var filters: [Place: [any TextStreamFilter]] = [:]
    /// In the order in which the texts began, which is the order they are finished in.
    private var open: [Place] = []
    /// The answer has more texts at once than are kept apart; what belongs to further ones is left out.
    package private(set) var hasTooManyTexts = false

    private static let maximumOpenTexts = 1024

    init(sessions: [any MiddlewareSession], expectsJSON: Bool) {
        self.sessions = sessions.reversed()
        self.expectsJSON = expectsJSON
    }

    /// Takes the next delta of a text and gives what of it is certain; pieces must be whole characters.
    package mutating func push(_ delta: String, at place: Place) -> String {
        guard filters[place] != nil || open.count < Self.maximumOpenTexts else {
            hasTooManyTexts = true
            return ""
        }
        var piece = Array(delta.utf8)
        withFilters(at: place) { filters in
            for index in filters.indices {
                var output: [UInt8] = []
                filters[index].push(piece, into: &output)
                piece = output
            }
        }
        return String(decoding: piece, as: UTF8.self)
    }

    /// What was held back of one text, at its end.
    package mutating func finish(at place: Place) -> String {
        guard var ending = filters.removeValue(forKey: place) else { return "" }
        open.removeAll { $0 == place }
        var piece: [UInt8] = []
        for index in ending.indices {
            var output: [UInt8] = []
            ending[index].push(piece, into: &output)
            ending[index].finish(into: &output)
            piece = output
        }
        return String(decoding: piece, as: UTF8.self)
    }

    /// What was held back of every text that is still open; for the end of a stream, also a broken one.
    package mutating func finish() -> [(place: Place, text: String)] {
        finish { _ in true }
    }

    mutating func finish(choice: Int) -> [(place: Place, text: String)] {
        finish { $0.choice == choice }
    }

    private mutating func finish(where isEnding: (Place) -> Bool) -> [(place: Place, text: String)] {
        var rest: [(Place, String)] = []
        for place in open.filter(isEnding) {
            let text = finish(at: place)
            if !text.isEmpty { rest.append((place, text)) }
        }
        return rest
    }

    private mutating func withFilters(at place: Place, _ body: (inout [any TextStreamFilter]) -> Void) {
        if filters[place] == nil {
            filters[place] = sessions.compactMap { $0.makeStreamFilter(for: place.place, expectsJSON: expectsJSON) }
            open.append(place)
        }
        body(&filters[place, default: []])
    }
}
