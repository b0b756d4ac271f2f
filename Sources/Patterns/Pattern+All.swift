extension Pattern {
    /// Every match from left to right, none overlapping another.
    ///
    /// An empty match right after a match is left out, as in Perl. Time is linear in the text and in the number of
    /// matches, whatever the pattern.
    ///
    /// - Throws: ``PatternSearchError`` when there are more than `limit`, or the budget is used up.
    package func matches(
        in text: UnsafeBufferPointer<UInt8>, limit: Int = .max, budget: inout SearchBudget
    ) throws(PatternSearchError) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var start = 0
        while let match = try firstMatch(in: text, from: start, budget: &budget) {
            // The search itself moves on to the next start of a character.
            start = match.isEmpty ? match.upperBound + 1 : match.upperBound
            if match.isEmpty, match.lowerBound == found.last?.upperBound { continue }
            guard found.count < limit else {
                throw PatternSearchError(reason: "more than \(limit) matches of \(source)")
            }
            found.append(match)
        }
        return found
    }

    package func matches(in text: [UInt8], limit: Int = .max) throws(PatternSearchError) -> [Range<Int>] {
        var budget = SearchBudget()
        return try text.withUnsafeBufferPointer { buffer throws(PatternSearchError) in
            try matches(in: buffer, limit: limit, budget: &budget)
        }
    }

    /// The text with every match replaced by what `replacement` makes of it; nil keeps the match as it is.
    package func replacing(
        in text: [UInt8], limit: Int = .max, _ replacement: (ArraySlice<UInt8>) -> [UInt8]?
    ) throws(PatternSearchError) -> [UInt8] {
        let found = try matches(in: text, limit: limit)
        guard !found.isEmpty else { return text }
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var copied = 0
        for match in found {
            result += text[copied..<match.lowerBound]
            if let new = replacement(text[match]) { result += new } else { result += text[match] }
            copied = match.upperBound
        }
        result += text[copied...]
        return result
    }
}
