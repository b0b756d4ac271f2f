/// A value on its way into a statement.
package enum SQLValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    /// Text that already is UTF-8 bytes, bound without passing through `String`.
    case utf8([UInt8])
    case blob([UInt8])

    /// Text, or NULL for nil.
    package static func optional(_ text: String?) -> SQLValue {
        text.map { .text($0) } ?? .null
    }
}

extension SQLValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByNilLiteral {
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(nilLiteral: ()) { self = .null }
}
