extension JSONSchema {
    /// The value with every absent property that has a `default` filled in, also inside objects that are present.
    ///
    /// For use at run time only: defaults are never written into storage, so that a later default reaches every
    /// saved document (`origin.md` D50). Defaults behind `$ref` count, those inside alternatives do not.
    package func applyingDefaults(to value: JSONValue) -> JSONValue {
        applyingDefaults(to: value, node: 0)
    }

    private func applyingDefaults(to value: JSONValue, node index: Int) -> JSONValue {
        let node = resolved(index)
        switch value {
        case .object(var members):
            for name in node.propertyNames {
                guard let property = node.property(named: name) else { continue }
                if let present = members[name] {
                    members[name] = applyingDefaults(to: present, node: property)
                } else if let value = nodes[property].defaultValue ?? resolved(property).defaultValue {
                    members[name] = value
                }
            }
            return .object(members)
        case .array(let elements):
            guard let items = node.items else { return value }
            return .array(elements.map { applyingDefaults(to: $0, node: items) })
        case .null, .bool, .number, .string: return value
        }
    }

    /// Follows `$ref`; compiling has refused chains that do not end.
    private func resolved(_ index: Int) -> JSONSchemaNode {
        var node = nodes[index]
        while let reference = node.reference { node = nodes[reference] }
        return node
    }

    /// Refuses a default that its own schema would refuse.
    func checkDefaults() throws(JSONSchemaError) {
        for (index, node) in nodes.enumerated() {
            guard let value = node.defaultValue else { continue }
            var checker = JSONSchemaChecker(nodes: nodes, limit: 1)
            if let violation = checker.check(value, from: index).first {
                throw JSONSchemaError(
                    path: FieldPath.member("default", of: node.path),
                    reason: "does not satisfy its schema: \(violation)")
            }
        }
    }
}
