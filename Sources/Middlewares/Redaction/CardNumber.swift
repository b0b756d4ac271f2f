/// Payment card numbers: 13 to 19 digits in groups, with the check digit of ISO/IEC 7812 (Luhn).
enum CardNumber {
    /// The card numbers in a run of digits with single separators: whole groups only, so that no part of a longer
    /// number is taken for one; the longest at each place.
    @Sendable
    static func ranges(in text: UnsafeBufferPointer<UInt8>, run: Range<Int>) -> [Range<Int>] {
        guard !text.touchesWord(run) else { return [] }
        var digits: [UInt8] = []
        var groups = [Group(firstDigit: 0, start: run.lowerBound, end: run.upperBound)]
        for position in run {
            if text[position].isDigit {
                digits.append(text[position] - UInt8(ascii: "0"))
            } else {
                groups[groups.count - 1].end = position
                groups.append(Group(firstDigit: digits.count, start: position + 1, end: run.upperBound))
            }
        }
        return cards(digits, groups)
    }

    private struct Group {
        /// Where its digits begin among those of the run.
        let firstDigit: Int
        let start: Int
        var end: Int
    }

    private static func cards(_ digits: [UInt8], _ groups: [Group]) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var first = 0
        while first < groups.count {
            var best: Int?
            for last in first..<groups.count {
                let end = last + 1 < groups.count ? groups[last + 1].firstDigit : digits.count
                if end - groups[first].firstDigit > 19 { break }
                if isCard(digits[groups[first].firstDigit..<end]) { best = last }
            }
            if let best { found.append(groups[first].start..<groups[best].end) }
            first = (best ?? first) + 1
        }
        return found
    }

    /// Whether the length is one that the first digit is issued with, and the check digit is right.
    static func isCard(_ digits: ArraySlice<UInt8>) -> Bool {
        guard let first = digits.first else { return false }
        let isIssued =
            switch digits.count {
            case 13: first == 4
            case 14: first == 3
            case 15: first == 2 || first == 3
            case 16: (2...6).contains(first) || first == 8
            case 17, 18, 19: (4...6).contains(first) || first == 8
            default: false
            }
        guard isIssued else { return false }
        var sum = 0
        for (place, digit) in digits.reversed().enumerated() {
            let weighted = place.isMultiple(of: 2) ? Int(digit) : Int(digit) * 2
            sum += weighted > 9 ? weighted - 9 : weighted
        }
        return sum.isMultiple(of: 10)
    }
}

extension UInt8 {
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
    var isGroupSeparator: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "-") }
    var isASCIILetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether an ASCII letter or digit stands right before or after the range.
    func touchesWord(_ range: Range<Int>) -> Bool {
        let before = range.lowerBound > 0 ? self[range.lowerBound - 1] : 0
        let after = range.upperBound < count ? self[range.upperBound] : 0
        return before.isDigit || before.isASCIILetter || after.isDigit || after.isASCIILetter
    }
}
