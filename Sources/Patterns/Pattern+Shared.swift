import Synchronization

extension Pattern {
    /// The one compiled pattern for this source and these options, shared by everybody who still uses it.
    ///
    /// A pattern's caches may grow to its memory budget; a profile that is resolved anew after every commit, and a
    /// hundred profiles with the same pattern, pay for them once.
    package static func shared(_ source: String, options: Options = Options()) throws(PatternError) -> Pattern {
        let key = SharedPatterns.Key(source: source, options: options)
        if let known = SharedPatterns.all.withLock({ $0.pattern(for: key) }) { return known }
        // Compiled outside the lock; of two who do so at once, both have a good one and the later is remembered.
        let pattern = try Pattern(source, options: options)
        SharedPatterns.all.withLock { $0.remember(pattern, for: key) }
        return pattern
    }
}

/// The patterns that somebody holds; nothing here keeps one alive.
private struct SharedPatterns {
    struct Key: Hashable {
        let source: String
        let options: Pattern.Options

        static func == (one: Key, other: Key) -> Bool {
            // Canonically equivalent sources are different patterns.
            one.source.utf8.elementsEqual(other.source.utf8) && one.options == other.options
        }
    }

    private struct Entry {
        weak var pattern: Pattern?
    }

    static let all = Mutex(SharedPatterns())

    private var entries: [Key: Entry] = [:]
    private var sizeAtNextSweep = 64

    func pattern(for key: Key) -> Pattern? { entries[key]?.pattern }

    mutating func remember(_ pattern: Pattern, for key: Key) {
        entries[key] = Entry(pattern: pattern)
        guard entries.count >= sizeAtNextSweep else { return }
        entries = entries.filter { $0.value.pattern != nil }
        sizeAtNextSweep = max(64, entries.count * 2)
    }
}
