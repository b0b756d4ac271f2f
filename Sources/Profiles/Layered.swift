/// What one layer of a stack says about a part of the runtime (`gateway.md §7`).
///
/// In documents: absent, an explicit `null`, or a value. In a profile without a stack, inherited and cleared are alike.
package enum Layered<Value> {
    /// Nothing: what lies below shows through.
    case inherited
    /// An explicit null: what lies below is taken away.
    case cleared
    case set(Value)

    package var value: Value? {
        if case .set(let value) = self { value } else { nil }
    }

    package var isInherited: Bool {
        if case .inherited = self { true } else { false }
    }
}

extension Layered: Sendable where Value: Sendable {}
extension Layered: Equatable where Value: Equatable {}
