import JSON
import Patterns

/// Replaces what its finders find by placeholders.
///
/// Where finds overlap, everything that any of them covers is masked, under the label of the one that begins first (of
/// those the longest, of those the first in the profile's list). Placeholders are never masked again, and the search
/// is repeated on its own result until nothing is found, so that masking twice is masking once.
struct Masker: Sendable {
    /// What one chat may cost: places masked and processor time of the searches.
    struct Effort: Sendable {
        var finds = 0
        var budget = SearchBudget(milliseconds: 5_000)
    }

    /// How much may be masked in one chat.
    static let maximumFinds = 10_000
    /// How often a result is searched again; only patterns that look at their neighbours need more than one.
    private static let maximumRounds = 8

    private let finders: [SensitiveFinder]
    private let labels: Set<String>

    init(finders: [SensitiveFinder]) {
        self.finders = finders
        labels = Set(finders.map(\.label))
    }

    /// The masked text; nil when there is nothing to mask.
    ///
    /// - Parameter effort: what this chat has cost so far.
    /// - Throws: ``PatternSearchError`` when it is more than allowed.
    func masked(
        _ text: String, table: inout PlaceholderTable, effort: inout Effort
    ) throws(PatternSearchError) -> String? {
        var bytes = Array(text.utf8)
        var isChanged = false
        for _ in 0..<Self.maximumRounds {
            let found = try bytes.withUnsafeBufferPointer { buffer throws(PatternSearchError) in
                try self.finds(in: buffer, budget: &effort.budget)
            }
            guard !found.isEmpty else { break }
            effort.finds += found.count
            guard effort.finds <= Self.maximumFinds else {
                throw PatternSearchError(reason: "more than \(Self.maximumFinds) places to mask")
            }
            bytes = Self.replacing(found, in: bytes, table: &table)
            isChanged = true
        }
        return isChanged ? String(decoding: bytes, as: UTF8.self) : nil
    }

    /// JSON text with the strings in it masked, keys too, and numbers that are sensitive as a whole made into strings.
    ///
    /// Text that is no JSON (a model wrote it) is masked as it stands.
    func maskedJSON(
        _ text: String, table: inout PlaceholderTable, effort: inout Effort
    ) throws(PatternSearchError) -> String? {
        // Strict parsing refuses what a model may well write; it is still to be masked.
        guard let value = try? JSONValue(parsing: text) else { return try masked(text, table: &table, effort: &effort) }
        guard let new = try maskedValue(value, &table, &effort) else { return nil }
        return String(decoding: new.encoded(), as: UTF8.self)
    }

    /// Every placeholder of these labels in a text, whoever wrote it.
    func placeholders(in text: String) -> [[UInt8]] {
        Array(text.utf8).withUnsafeBufferPointer { bytes in
            Placeholder.ranges(in: bytes, labels: labels).map { Array(bytes[$0]) }
        }
    }

    private func maskedValue(
        _ value: JSONValue, _ table: inout PlaceholderTable, _ effort: inout Effort
    ) throws(PatternSearchError) -> JSONValue? {
        switch value {
        case .string(let text): return try masked(text, table: &table, effort: &effort).map { .string($0) }
        case .number(let number):
            let bytes = Array(number.text.utf8)
            let found = try bytes.withUnsafeBufferPointer { buffer throws(PatternSearchError) in
                try finds(in: buffer, budget: &effort.budget)
            }
            guard let find = found.first, find.range == bytes.indices else { return nil }
            effort.finds += 1
            return .string(String(decoding: table.placeholder(label: find.label, for: bytes), as: UTF8.self))
        case .array(var elements):
            var isChanged = false
            for index in elements.indices {
                guard let new = try maskedValue(elements[index], &table, &effort) else { continue }
                elements[index] = new
                isChanged = true
            }
            return isChanged ? .array(elements) : nil
        case .object(let members):
            var masked = JSONObject(minimumCapacity: members.count)
            var isChanged = false
            for (key, value) in members {
                let newKey = try self.masked(key, table: &table, effort: &effort)
                let newValue = try maskedValue(value, &table, &effort)
                masked[newKey ?? key] = newValue ?? value
                isChanged = isChanged || newKey != nil || newValue != nil
            }
            return isChanged ? .object(masked) : nil
        case .null, .bool: return nil
        }
    }

    private struct Find {
        var range: Range<Int>
        let label: String
    }

    /// What is to be masked, from left to right, none overlapping another.
    private func finds(
        in text: UnsafeBufferPointer<UInt8>, budget: inout SearchBudget
    ) throws(PatternSearchError) -> [Find] {
        var all: [(find: Find, order: Int)] = []
        for (order, finder) in finders.enumerated() {
            for range in try finder.find(in: text, budget: &budget) {
                all.append((Find(range: range, label: finder.label), order))
            }
        }
        guard !all.isEmpty else { return [] }
        let protected = Placeholder.ranges(in: text, labels: labels)
        let pieces = all.flatMap { entry in
            entry.find.range.pieces(outside: protected).map { (Find(range: $0, label: entry.find.label), entry.order) }
        }
        let sorted = pieces.sorted { one, other in
            (one.0.range.lowerBound, -one.0.range.count, one.1) < (
                other.0.range.lowerBound, -other.0.range.count, other.1
            )
        }
        var merged: [Find] = []
        for (find, _) in sorted {
            if let last = merged.last, find.range.lowerBound < last.range.upperBound {
                let end = max(last.range.upperBound, find.range.upperBound)
                merged[merged.count - 1].range = last.range.lowerBound..<end
            } else {
                merged.append(find)
            }
        }
        return merged
    }

    private static func replacing(_ finds: [Find], in text: [UInt8], table: inout PlaceholderTable) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var copied = 0
        for find in finds {
            result += text[copied..<find.range.lowerBound]
            result += table.placeholder(label: find.label, for: Array(text[find.range]))
            copied = find.range.upperBound
        }
        return result + text[copied...]
    }
}

extension Range<Int> {
    /// What is left of the range without the given ones, which are sorted and do not overlap.
    func pieces(outside others: [Range<Int>]) -> [Range<Int>] {
        guard !others.isEmpty else { return [self] }
        var pieces: [Range<Int>] = []
        var start = lowerBound
        for other in others[others.firstIndex(endingAfter: lowerBound)...] {
            if other.lowerBound >= upperBound { break }
            if other.lowerBound > start { pieces.append(start..<other.lowerBound) }
            start = Swift.max(start, other.upperBound)
        }
        if start < upperBound { pieces.append(start..<upperBound) }
        return pieces
    }
}

extension [Range<Int>] {
    /// The position of the first range that ends after the given place; ranges are sorted and do not overlap.
    fileprivate func firstIndex(endingAfter place: Int) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = (low + high) / 2
            if self[middle].upperBound <= place { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
