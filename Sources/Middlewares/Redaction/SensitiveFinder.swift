import Patterns

/// Finds one kind of sensitive text, named by the label of its placeholders.
struct SensitiveFinder: Sendable {
    /// `EMAIL`, `CARD`, …, or the name of a custom pattern, in capitals.
    let label: String
    private let pattern: Pattern
    /// Narrows what the pattern found to what is really meant; a candidate may hold none, one or several.
    private let verify: @Sendable (UnsafeBufferPointer<UInt8>, Range<Int>) -> [Range<Int>]
    private let maximumCandidates: Int

    /// - Parameter maximumCandidates: how many places the pattern may match in one text.
    init(
        label: String, pattern: Pattern, maximumCandidates: Int = .max,
        verify: @escaping @Sendable (UnsafeBufferPointer<UInt8>, Range<Int>) -> [Range<Int>] = { [$1] }
    ) {
        self.label = label
        self.pattern = pattern
        self.maximumCandidates = maximumCandidates
        self.verify = verify
    }

    /// The places in a text, from left to right, none empty.
    ///
    /// - Throws: ``PatternSearchError`` when there are more candidates than allowed, or the budget is used up.
    func find(
        in text: UnsafeBufferPointer<UInt8>, budget: inout SearchBudget
    ) throws(PatternSearchError) -> [Range<Int>] {
        try pattern.matches(in: text, limit: maximumCandidates, budget: &budget)
            .flatMap { verify(text, $0) }
            .filter { !$0.isEmpty }
    }
}
