import JSON

extension YAMLNode {
    /// Reads exactly one YAML document; nil for an empty text.
    ///
    /// - Throws: ``YAMLError`` with line and column for malformed text, duplicate or structured keys, unknown tags,
    ///   a second document, and whatever exceeds the limits.
    package static func parse(_ bytes: [UInt8], limits: YAMLLimits = YAMLLimits()) throws(YAMLError) -> YAMLNode? {
        try withYAMLEvents(of: bytes) { next throws(YAMLError) in
            var composer = YAMLComposer(limits: limits)
            var documents = 0
            while true {
                let event = try next()
                switch event.kind {
                case .streamEnd: return composer.root
                case .documentEnd: documents += 1
                case .documentStart:
                    guard documents == 0 else {
                        throw YAMLError(
                            "a second document begins here; a file holds one", line: event.line, column: event.column)
                    }
                default: try composer.take(event)
                }
            }
        }
    }
}

/// Builds nodes from events with a stack of its own, so that no text decides how deep we recurse.
private struct YAMLComposer {
    private(set) var root: YAMLNode?
    private let limits: YAMLLimits
    private var frames: [Frame] = []
    private var anchors: [String: Anchored] = [:]
    private var total = Weight()

    /// What a tree comes to with every alias in it followed.
    fileprivate struct Weight {
        var values = 0
        var bytes = 0
        var height = 0
    }

    private struct Anchored {
        let node: YAMLNode
        let weight: Weight
    }

    fileprivate struct Key {
        let text: String
        let isMerge: Bool
        let line: Int
        let column: Int
    }

    fileprivate struct Frame {
        let isMapping: Bool
        let anchor: String?
        let line: Int
        let column: Int
        var nodes: [YAMLNode] = []
        var entries: [YAMLNode.Entry] = []
        var key: Key?
        /// Where each key stands in `entries`.
        var positions: [String: Int] = [:]
        var merged: [YAMLNode.Entry] = []
        var weight = Weight(values: 1)
    }

    init(limits: YAMLLimits) {
        self.limits = limits
    }

    mutating func take(_ event: YAMLEvent) throws(YAMLError) {
        func error(_ reason: String) -> YAMLError { YAMLError(reason, line: event.line, column: event.column) }
        switch event.kind {
        case .streamEnd, .documentStart, .documentEnd: break
        case .alias(let name):
            guard !frames.contains(where: { $0.anchor == name }) else {
                throw error("the alias *\(name) is inside of what it names")
            }
            guard let anchored = anchors[name] else { throw error("the alias *\(name) names nothing before it") }
            try add(anchored.node, anchored.weight, event)
        case .scalar(let text, let tag, let anchor, let isPlain):
            let value: JSONValue
            do { value = try YAMLScalar.value(of: text, tag: tag, isPlain: isPlain) } catch {
                throw YAMLError(error.reason, line: event.line, column: event.column)
            }
            let node = YAMLNode(
                .scalar(YAMLNode.Scalar(text: text, value: value, isPlain: isPlain && tag == nil)), line: event.line,
                column: event.column)
            let weight = Weight(values: 1, bytes: text.utf8.count)
            if let anchor { anchors[anchor] = Anchored(node: node, weight: weight) }
            try add(node, weight, event)
        case .sequenceStart(let tag, let anchor):
            guard YAMLScalar.isKnown(tag, for: "seq") else { throw error("the tag \(tag ?? "") is not known here") }
            try open(Frame(isMapping: false, anchor: anchor, line: event.line, column: event.column))
        case .mappingStart(let tag, let anchor):
            guard YAMLScalar.isKnown(tag, for: "map") else { throw error("the tag \(tag ?? "") is not known here") }
            try open(Frame(isMapping: true, anchor: anchor, line: event.line, column: event.column))
        case .sequenceEnd, .mappingEnd:
            try close(event)
        }
    }

    private mutating func open(_ frame: Frame) throws(YAMLError) {
        if let parent = frames.last, parent.isMapping, parent.key == nil {
            throw YAMLError("a key must be text", line: frame.line, column: frame.column)
        }
        guard frames.count < limits.depth else {
            throw YAMLError("nests deeper than \(limits.depth) levels", line: frame.line, column: frame.column)
        }
        frames.append(frame)
    }

    private mutating func close(_ event: YAMLEvent) throws(YAMLError) {
        guard var frame = frames.popLast() else { return }
        for entry in frame.merged where frame.positions[entry.key] == nil {
            frame.positions[entry.key] = frame.entries.count
            frame.entries.append(entry)
        }
        frame.weight.height += 1
        let node = YAMLNode(
            frame.isMapping ? .mapping(frame.entries) : .sequence(frame.nodes), line: frame.line, column: frame.column,
            positions: frame.isMapping ? frame.positions : nil)
        if let anchor = frame.anchor { anchors[anchor] = Anchored(node: node, weight: frame.weight) }
        // Its values were counted one by one when they came; only what is above it still has to learn of them.
        try put(node, frame.weight, event)
    }

    /// Adds a scalar, or what an alias names, which counts anew with each use.
    private mutating func add(_ node: YAMLNode, _ weight: Weight, _ event: YAMLEvent) throws(YAMLError) {
        total.values += weight.values
        total.bytes += weight.bytes
        guard total.values <= limits.values, total.bytes <= limits.bytes else {
            throw YAMLError(
                "holds more than \(limits.values) values or \(limits.bytes) bytes of text, aliases counted",
                line: event.line, column: event.column)
        }
        guard frames.count + weight.height <= limits.depth else {
            throw YAMLError("nests deeper than \(limits.depth) levels", line: event.line, column: event.column)
        }
        try put(node, weight, event)
    }

    private mutating func put(_ node: YAMLNode, _ weight: Weight, _ event: YAMLEvent) throws(YAMLError) {
        guard !frames.isEmpty else {
            root = node
            return
        }
        try frames[frames.count - 1].put(node, event)
        frames[frames.count - 1].weight.values += weight.values
        frames[frames.count - 1].weight.bytes += weight.bytes
        frames[frames.count - 1].weight.height = max(frames[frames.count - 1].weight.height, weight.height)
    }
}

extension YAMLComposer.Frame {
    fileprivate mutating func put(_ node: YAMLNode, _ event: YAMLEvent) throws(YAMLError) {
        guard isMapping else { return nodes.append(node) }
        guard let key else {
            guard case .scalar(let scalar) = node.content else {
                throw YAMLError("a key must be text", line: event.line, column: event.column)
            }
            // `<<` is YAML 1.1's merge key; the origin's reader and everybody's habit know it.
            key = .init(
                text: scalar.text, isMerge: scalar.isPlain && scalar.text == "<<", line: event.line,
                column: event.column)
            return
        }
        self.key = nil
        if key.isMerge { return try merge(node) }
        if let first = positions.updateValue(entries.count, forKey: key.text) {
            throw YAMLError(
                "the key \"\(FieldPath.excerpt(key.text))\" is given more than once, first in line \(entries[first].keyLine)",
                line: key.line, column: key.column)
        }
        entries.append(
            YAMLNode.Entry(key: key.text, keyLine: key.line, keyColumn: key.column, value: node))
    }

    /// What is merged first wins, and every key of the mapping itself beats it.
    private mutating func merge(_ node: YAMLNode) throws(YAMLError) {
        switch node.content {
        case .mapping(let entries): merged += entries
        case .sequence(let nodes):
            for element in nodes {
                guard case .mapping(let entries) = element.content else {
                    throw YAMLError("<< takes mappings only", line: element.line, column: element.column)
                }
                merged += entries
            }
        case .scalar: throw YAMLError("<< takes a mapping", line: node.line, column: node.column)
        }
    }
}
