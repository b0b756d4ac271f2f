/// Telephone numbers: what looks like one and has as many digits as one (E.164 allows 15; `00` may stand before them).
enum PhoneNumber {
    @Sendable
    static func ranges(in text: UnsafeBufferPointer<UInt8>, candidate: Range<Int>) -> [Range<Int>] {
        let digits = text[candidate].count(where: \.isDigit)
        return (7...17).contains(digits) && !text.touchesWord(candidate) ? [candidate] : []
    }
}
