import ArgumentParser
import JSON

/// `--format` of commands that print a result.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json, yaml

    /// Prints the result: as it is for machines, or the table.
    func print(_ value: JSONValue, table: () -> String) {
        switch self {
        case .table: Output.line(table())
        case .json: Output.line(String(decoding: value.pretty(), as: UTF8.self))
        case .yaml: Output.line(DocumentText.yaml(value))
        }
    }

}

extension JSONValue {
    /// A member as a cell of a table; empty for none.
    func text(_ member: String) -> String {
        switch self[member] {
        case nil, .null: ""
        case .string(let text): text
        case .some(let other): String(decoding: other.encoded(), as: UTF8.self)
        }
    }
}
