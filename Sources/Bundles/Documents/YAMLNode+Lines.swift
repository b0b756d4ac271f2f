import Profiles

extension YAMLNode {
    /// The line of what the steps lead to, or of what encloses it: of its key where it has one.
    func line(at steps: [DocumentStep]) -> Int {
        var node = self
        var line = node.line
        for step in steps {
            switch (step, node.content) {
            case (.member(let key), .mapping(let entries)):
                guard let entry = entries.first(where: { $0.key == key }) else { return line }
                (node, line) = (entry.value, entry.keyLine)
            case (.element(let index), .sequence(let nodes)) where nodes.indices.contains(index):
                (node, line) = (nodes[index], nodes[index].line)
            default: return line
            }
        }
        return line
    }
}
