/// Which placeholder stands for which text, for the length of one chat.
///
/// Equal texts of one label share a placeholder; numbers count up from 1 in the order of first appearance, leaving out
/// those that stand in the conversation already or belong to another middleware.
struct PlaceholderTable: Sendable {
    private struct Sensitive: Hashable {
        let label: String
        let text: [UInt8]
    }

    private var placeholders: [Sensitive: [UInt8]] = [:]
    private var originals: [[UInt8]: [UInt8]] = [:]
    private var lastNumbers: [String: Int] = [:]
    private var reserved: Set<[UInt8]> = []

    var isEmpty: Bool { originals.isEmpty }
    var issued: some Sequence<[UInt8]> { originals.keys }
    /// What every placeholder stands for.
    var all: [[UInt8]: [UInt8]] { originals }

    /// Keeps a placeholder from being issued; one that this table has issued itself stays what it is.
    mutating func reserve(_ placeholder: [UInt8]) { reserved.insert(placeholder) }

    mutating func placeholder(label: String, for text: [UInt8]) -> [UInt8] {
        let sensitive = Sensitive(label: label, text: text)
        if let known = placeholders[sensitive] { return known }
        var number = lastNumbers[label] ?? 0
        var placeholder: [UInt8]
        repeat {
            number += 1
            placeholder = Placeholder.bytes(label: label, number: number)
        } while reserved.contains(placeholder)
        lastNumbers[label] = number
        placeholders[sensitive] = placeholder
        originals[placeholder] = text
        return placeholder
    }
}
