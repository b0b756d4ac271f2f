internal import CRE2

/// A compiled regular expression that cannot run away: RE2's syntax, linear time, bounded memory.
///
/// For every pattern that comes from outside. Works on UTF-8 bytes; a match always begins and ends between
/// characters. Immutable: any thread may search with it.
package final class Pattern: @unchecked Sendable {
    // Unchecked: the pointer never changes, and RE2 objects may be used by many threads after construction.

    /// How long a source may be, in bytes.
    package static let maximumSourceBytes = 4096
    /// Matches of up to so many bytes are always found; a longer one may be found cut short, or not at all.
    package static let maximumMatchBytes = 4096

    package struct Options: Sendable, Hashable {
        package var isCaseInsensitive = false
        /// The source is plain text to look for.
        package var isLiteral = false
        package var dotMatchesNewline = false
        /// Bytes for the program and its caches; a pattern that needs more is refused.
        package var maximumMemory: Int64 = 4 << 20
        /// Instructions of the program; the slowest search takes one step for each of them and each byte of text.
        package var maximumProgramSize: Int32 = 4000

        package init() {}
    }

    package let source: String
    private let handle: OpaquePointer

    /// Compiles a pattern.
    ///
    /// - Throws: ``PatternError`` for a malformed or too large one, for look-around and back-references (which have
    ///   no linear time), and for `\C`, which would match half a character.
    package init(_ source: String, options: Options = Options()) throws(PatternError) {
        guard source.utf8.count <= Self.maximumSourceBytes else {
            throw PatternError(
                source: source,
                reason: "\(source.utf8.count) bytes long; at most \(Self.maximumSourceBytes) are allowed")
        }
        if !options.isLiteral, let offset = PatternSyntax.offsetOfByteEscape(in: source) {
            throw PatternError(
                source: source, reason: "matching single bytes is not supported", fragment: "\\C", offset: offset)
        }
        var failure = CRE2Failure()
        let settings = CRE2Options(
            is_case_insensitive: options.isCaseInsensitive, is_literal: options.isLiteral,
            dot_matches_newline: options.dotMatchesNewline, maximum_memory: options.maximumMemory,
            maximum_program_size: options.maximumProgramSize)
        var text = source
        let created = text.withUTF8 { cre2_create($0.baseAddress, $0.count, settings, &failure) }
        guard let created else { throw PatternSyntax.error(for: source, failure) }
        self.source = source
        handle = created
    }

    deinit { cre2_free(handle) }

    /// Whether the pattern matches anywhere in the text; a search that ran out of memory counts as no match.
    package func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { cre2_test(handle, $0.baseAddress, $0.count) == .found }
    }

    /// The leftmost match at or after `start`; what stands before is context for `^` and `\b`.
    ///
    /// - Throws: ``PatternSearchError`` when the budget is used up.
    package func firstMatch(
        in text: UnsafeBufferPointer<UInt8>, from start: Int = 0, budget: inout SearchBudget
    ) throws(PatternSearchError) -> Range<Int>? {
        guard start >= 0, start <= text.count else { return nil }
        var range = CRE2Range()
        let outcome = cre2_find(
            handle, text.baseAddress, text.count, start, Self.maximumMatchBytes, &budget.nanosecondsLeft, &range)
        switch outcome {
        case .found: return Int(range.start)..<Int(range.end)
        case .notFound: return nil
        case .exhausted: throw PatternSearchError(reason: "searching for \(source) takes too long")
        case .failed: throw PatternSearchError(reason: "out of memory while searching for \(source)")
        }
    }

    package func firstMatch(in text: [UInt8], from start: Int = 0) throws(PatternSearchError) -> Range<Int>? {
        var budget = SearchBudget()
        return try text.withUnsafeBufferPointer { buffer throws(PatternSearchError) in
            try firstMatch(in: buffer, from: start, budget: &budget)
        }
    }
}
