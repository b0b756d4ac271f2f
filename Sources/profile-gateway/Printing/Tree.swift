/// A tree of lines with branches, for people.
struct Tree {
    let label: String
    /// Where the label comes from, in a column of its own.
    let source: String
    /// Longer text below the label.
    let text: [String]
    let children: [Tree]

    init(_ label: String, source: String = "", text: [String] = [], _ children: [Tree] = []) {
        // Lines of ours around words of others.
        self.label = Terminal.printable(label).replacing("\n", with: " ")
        self.source = Terminal.printable(source).replacing("\n", with: " ")
        self.text = text.map { Terminal.printable($0) }
        self.children = children
    }

    /// All lines; the sources of one level stand below each other.
    func lines() -> [String] { [Style.heading(label)] + branches(indent: "") }

    private func branches(indent: String) -> [String] {
        // One long value must not push every source off the screen.
        let column = min(56, children.filter { !$0.source.isEmpty }.map(\.label.count).max() ?? 0)
        var lines: [String] = []
        for (index, child) in children.enumerated() {
            let isLast = index == children.count - 1
            let below = indent + (isLast ? "   " : "│  ")
            let gap = String(repeating: " ", count: max(0, column - child.label.count))
            let source = child.source.isEmpty ? "" : gap + "  " + Style.source("← " + child.source)
            lines.append(Style.faint(indent + (isLast ? "└─ " : "├─ ")) + child.label + source)
            lines += child.text.map { Style.faint(below + (child.children.isEmpty ? "   " : "│  ")) + $0 }
            lines += child.branches(indent: below)
        }
        return lines
    }
}
