extension StringProtocol {
    /// The text without blanks around it.
    var trimmingBlanks: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}

extension String {
    /// The text with only the last part of each path in it.
    var withoutDirectories: String {
        split(separator: " ", omittingEmptySubsequences: false)
            .map { word in word.lastIndex(of: "/").map { word[word.index(after: $0)...] } ?? word }
            .joined(separator: " ")
    }
}
