import Profiles

extension YAMLNode: DocumentNode {
    package func member(_ key: String) -> YAMLNode? { self[key] }

    package func element(_ index: Int) -> YAMLNode? {
        guard case .sequence(let nodes) = content, nodes.indices.contains(index) else { return nil }
        return nodes[index]
    }

    package func forEachKey(_ body: (String) -> Void) {
        guard case .mapping(let entries) = content else { return }
        for entry in entries { body(entry.key) }
    }
}

extension YAMLNode {
    /// The line of what the steps lead to, or of what encloses it: of its key where it has one.
    func line(at steps: [DocumentStep]) -> Int {
        var node = self
        var line = node.line
        for step in steps {
            switch step {
            case .member(let key):
                guard let entry = node.entry(key) else { return line }
                (node, line) = (entry.value, entry.keyLine)
            case .element(let index):
                guard let element = node.element(index) else { return line }
                (node, line) = (element, element.line)
            }
        }
        return line
    }
}
