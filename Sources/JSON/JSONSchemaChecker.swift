/// One check of one value, collecting what is wrong.
///
/// Every (schema, value) pair looked at costs one step of a budget: a schema whose alternatives multiply over a
/// nested value ends with a violation that says so instead of running for ever.
struct JSONSchemaChecker {
    private static let budget = 1_000_000
    /// How many bytes of a string are scanned for one step.
    private static let bytesPerStep = 256

    private let nodes: [JSONSchemaNode]
    private let limit: Int
    private var found: [JSONSchemaViolation] = []
    private var stepsLeft = Self.budget
    /// The schema that judges at the moment.
    private var current = 0

    init(nodes: [JSONSchemaNode], limit: Int) {
        self.nodes = nodes
        self.limit = limit
    }

    /// What is wrong with a value, judged by the schema at the top or by the one at the given position.
    mutating func check(_ value: JSONValue, from start: Int = 0) -> [JSONSchemaViolation] {
        check(value, against: start, path: "")
        if stepsLeft < 0 {
            return [JSONSchemaViolation(path: "", reason: "too large to be checked against this schema")]
        }
        return found
    }

    private var isDone: Bool { found.count >= limit || stepsLeft < 0 }

    private mutating func report(_ path: String, _ reason: @autoclosure () -> String) {
        guard !isDone else { return }
        found.append(JSONSchemaViolation(path: path, reason: reason(), schemaPath: nodes[current].path))
    }

    private mutating func check(_ value: JSONValue, against index: Int, path: String) {
        stepsLeft -= 1
        guard !isDone else { return }
        let outer = current
        current = index
        defer { current = outer }
        let node = nodes[index]
        if node.refusesEverything { return report(path, "is not allowed") }
        if let types = node.types, !types.contains(where: { $0.accepts(value) }) {
            let wanted = JSONSchemaType.allCases.filter(types.contains).map(\.phrase).joined(separator: " or ")
            return report(path, "must be \(wanted), not \(value.kindPhrase)")
        }
        checkChoices(value, node, path)
        switch value {
        case .object(let members): checkObject(members, node, path)
        case .array(let elements): checkArray(elements, node, path)
        case .string(let text): checkString(text, node, path)
        case .number(let number): checkNumber(number, node, path)
        case .null, .bool: break
        }
        checkCombinations(value, node, path)
    }

    private mutating func checkChoices(_ value: JSONValue, _ node: JSONSchemaNode, _ path: String) {
        if let enumeration = node.enumeration {
            stepsLeft -= enumeration.count
            if !enumeration.contains(where: { $0.isSameQuantity(as: value) }) {
                let shown = enumeration.prefix(20).map(Self.shown).joined(separator: ", ")
                report(path, "must be one of \(shown)\(enumeration.count > 20 ? ", …" : "")")
            }
        }
        if let constant = node.constant, !constant.isSameQuantity(as: value) {
            report(path, "must be \(Self.shown(constant))")
        }
    }

    private mutating func checkObject(_ members: JSONObject, _ node: JSONSchemaNode, _ path: String) {
        for name in node.required where members[name] == nil {
            report(path, "missing required field \"\(name)\"")
        }
        checkCount(members.count, node.propertyCount, path, "fields")
        for (name, value) in members {
            let place = FieldPath.member(FieldPath.excerpt(name), of: path)
            if let property = node.property(named: name) {
                check(value, against: property, path: place)
                continue
            }
            switch node.additionalProperties {
            case .allowed: break
            case .schema(let index): check(value, against: index, path: place)
            case .forbidden:
                let known = node.propertyNames.prefix(20).map { "\"\($0)\"" }.joined(separator: ", ")
                report(place, "is not allowed; \(known.isEmpty ? "no fields are" : "allowed are \(known)")")
            }
        }
    }

    private mutating func checkArray(_ elements: [JSONValue], _ node: JSONSchemaNode, _ path: String) {
        checkCount(elements.count, node.itemCount, path, "items")
        if let items = node.items {
            for (index, element) in elements.enumerated() where !isDone {
                check(element, against: items, path: FieldPath.element(index, of: path))
            }
        }
        guard node.uniqueItems else { return }
        var seen: [JSONValue: Int] = [:]
        for (index, element) in elements.enumerated() {
            if let first = seen.updateValue(index, forKey: element.withNormalizedNumbers) {
                report(FieldPath.element(index, of: path), "is the same as item \(first); items must be unique")
            }
        }
    }

    private mutating func checkString(_ text: String, _ node: JSONSchemaNode, _ path: String) {
        guard node.length.minimum != nil || node.length.maximum != nil || node.pattern != nil else { return }
        stepsLeft -= text.utf8.count / Self.bytesPerStep
        if node.length.minimum != nil || node.length.maximum != nil {
            checkCount(text.unicodeScalars.count, node.length, path, "characters")
        }
        if let pattern = node.pattern, !pattern.matches(text) {
            report(path, "must match the pattern \(pattern.source)")
        }
    }

    private mutating func checkNumber(_ number: JSONNumber, _ node: JSONSchemaNode, _ path: String) {
        if let bound = node.minimum, number.isLess(than: bound) {
            report(path, "must be at least \(bound.text), not \(FieldPath.excerpt(number.text))")
        }
        if let bound = node.maximum, bound.isLess(than: number) {
            report(path, "must be at most \(bound.text), not \(FieldPath.excerpt(number.text))")
        }
        if let bound = node.exclusiveMinimum, !bound.isLess(than: number) {
            report(path, "must be greater than \(bound.text), not \(FieldPath.excerpt(number.text))")
        }
        if let bound = node.exclusiveMaximum, !number.isLess(than: bound) {
            report(path, "must be less than \(bound.text), not \(FieldPath.excerpt(number.text))")
        }
        if let divisor = node.multipleOf, !number.isMultiple(of: divisor) {
            report(path, "must be a multiple of \(divisor.text), not \(FieldPath.excerpt(number.text))")
        }
    }

    private mutating func checkCount(
        _ count: Int, _ bounds: JSONSchemaNode.CountBounds, _ path: String, _ unit: String
    ) {
        if let minimum = bounds.minimum, UInt64(count) < minimum {
            report(path, "must have at least \(minimum) \(unit), not \(count)")
        }
        if let maximum = bounds.maximum, UInt64(count) > maximum {
            report(path, "must have at most \(maximum) \(unit), not \(count)")
        }
    }

    private mutating func checkCombinations(_ value: JSONValue, _ node: JSONSchemaNode, _ path: String) {
        if let reference = node.reference { check(value, against: reference, path: path) }
        for index in node.allOf { check(value, against: index, path: path) }
        if !node.anyOf.isEmpty, !node.anyOf.contains(where: { isSatisfied(by: value, schema: $0) }) {
            reportNoAlternative(value, node.anyOf, path, "must satisfy at least one of \(node.anyOf.count) schemas")
        }
        if !node.oneOf.isEmpty {
            let satisfied = node.oneOf.count { isSatisfied(by: value, schema: $0) }
            if satisfied == 0 {
                reportNoAlternative(value, node.oneOf, path, "must satisfy one of \(node.oneOf.count) schemas")
            } else if satisfied > 1 {
                report(path, "must satisfy exactly one of \(node.oneOf.count) schemas, not \(satisfied)")
            }
        }
        if let not = node.not, isSatisfied(by: value, schema: not) {
            let place = nodes[not].path
            report(path, "must not satisfy the schema at \(place)")
        }
    }

    /// Judges a branch on the side: what it finds is no violation of the whole, the steps it takes are.
    private mutating func isSatisfied(by value: JSONValue, schema index: Int) -> Bool {
        firstViolation(value, against: index) == nil
    }

    private mutating func firstViolation(_ value: JSONValue, against index: Int) -> JSONSchemaViolation? {
        var branch = JSONSchemaChecker(nodes: nodes, limit: 1)
        branch.stepsLeft = stepsLeft
        branch.check(value, against: index, path: "")
        stepsLeft = branch.stepsLeft
        return branch.found.first
    }

    private mutating func reportNoAlternative(_ value: JSONValue, _ branches: [Int], _ path: String, _ reason: String) {
        guard !isDone else { return }
        let reasons = branches.prefix(4).compactMap { firstViolation(value, against: $0)?.description }
        report(path, "\(reason) (\(reasons.joined(separator: "; ")))")
    }

    private static func shown(_ value: JSONValue) -> String {
        FieldPath.excerpt(String(decoding: value.encoded(), as: UTF8.self))
    }
}
