import JSON

/// The difference of two documents, for people.
enum DiffText {
    /// `diff -u` of both as YAML, in colours; empty when they are the same.
    static func between(_ old: JSONValue, _ oldName: String, and new: JSONValue, _ newName: String) -> String {
        coloured(plain(old, oldName, and: new, newName))
    }

    static func plain(_ old: JSONValue, _ oldName: String, and new: JSONValue, _ newName: String) -> String {
        UnifiedDiff.text(
            from: Array(DocumentText.yaml(old).utf8), named: oldName, to: Array(DocumentText.yaml(new).utf8),
            named: newName)
    }

    /// A unified diff with its lines in their colours.
    static func coloured(_ diff: String) -> String {
        Terminal.printable(diff).split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let line = String(line)
            if line.hasPrefix("+++") || line.hasPrefix("---") { return Style.heading(line) }
            if line.hasPrefix("@@") { return Style.source(line) }
            if line.hasPrefix("+") { return Style.good(line) }
            if line.hasPrefix("-") { return Style.bad(line) }
            return line
        }.joined(separator: "\n")
    }
}
