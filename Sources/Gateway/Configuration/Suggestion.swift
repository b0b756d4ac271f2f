// "Did you mean": the nearest known word, if it is near enough to be a slip of the finger.

enum Suggestion {
    /// `; did you mean "listen"?`, or nothing.
    static func phrase(for word: String, among known: some Sequence<String>) -> String {
        guard let best = nearest(to: word, among: known) else { return "" }
        return "; did you mean `\(best)`?"
    }

    /// The known word with the fewest edits, at most a third of its length.
    static func nearest(to word: String, among known: some Sequence<String>) -> String? {
        let plain = normal(word)
        return known.map { (word: $0, distance: distance(plain, normal($0))) }
            .filter { $0.distance <= max(1, $0.word.count / 3) }
            .min { $0.distance < $1.distance }?.word
    }

    /// Case and the choice of `-` or `_` do not count.
    private static func normal(_ word: String) -> [UInt8] {
        word.lowercased().utf8.prefix(64).map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
    }

    /// Edits from one to the other: insert, remove, replace, or swap two neighbours.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
        var rows = [[Int]](repeating: Array(repeating: 0, count: right.count + 1), count: left.count + 1)
        for i in 0...left.count { rows[i][0] = i }
        for j in 0...right.count { rows[0][j] = j }
        for i in 1...left.count {
            for j in 1...right.count {
                let cost = left[i - 1] == right[j - 1] ? 0 : 1
                rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + cost)
                if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                    rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
                }
            }
        }
        return rows[left.count][right.count]
    }
}
