// Three ways to print the report. The YAML form can be saved as a configuration file: values are JSON scalars, which
// YAML reads the same way, and the origin is a comment behind them.

internal import JSON

extension ConfigurationReport {
    /// Aligned columns: key, value, source.
    package func table() -> String {
        let cells = rows.map { (key: $0.key, value: Self.text($0.value), source: $0.origin.description) }
        let keyWidth = cells.map(\.key.count).max() ?? 0
        // One long value must not push every source off the screen.
        let valueWidth = min(48, cells.map(\.value.count).max() ?? 0)
        var lines = [Self.padded("KEY", keyWidth) + "  " + Self.padded("VALUE", valueWidth) + "  SOURCE"]
        for cell in cells {
            lines.append(
                Self.padded(cell.key, keyWidth) + "  " + Self.padded(cell.value, valueWidth) + "  " + cell.source)
        }
        return lines.joined(separator: "\n")
    }

    /// `[{"key": …, "value": …, "source": …}, …]`, indented.
    package func json() -> String {
        let document = JSONValue.array(
            rows.map { row in
                ["key": .string(row.key), "value": row.value, "source": .string(row.origin.description)]
            })
        return String(decoding: document.pretty(), as: UTF8.self)
    }

    /// A configuration file with the source of every value as a comment.
    package func yaml() -> String {
        var lines: [String] = []
        var open: [String] = []
        for row in rows {
            let path = row.path
            let groups = Array(path.dropLast())
            var shared = 0
            while shared < min(open.count, groups.count), open[shared] == groups[shared] { shared += 1 }
            for depth in shared..<groups.count {
                lines.append(Self.indent(depth) + Self.key(groups[depth]) + ":")
            }
            open = groups
            lines.append(
                "\(Self.indent(groups.count))\(Self.key(path.last ?? row.key)): \(Self.compact(row.value))"
                    + "  # \(row.origin)")
        }
        return lines.joined(separator: "\n")
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .null: "-"
        case .string(let text): text
        case .array(let elements) where elements.allSatisfy { $0.stringValue != nil }:
            elements.isEmpty ? "-" : elements.compactMap(\.stringValue).joined(separator: ", ")
        default: compact(value)
        }
    }

    private static func compact(_ value: JSONValue) -> String {
        String(decoding: value.encoded(), as: UTF8.self)
    }

    private static func key(_ name: String) -> String {
        let isPlain = name.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
        }
        return isPlain && !["null", "true", "false"].contains(name) ? name : compact(.string(name))
    }

    private static func indent(_ depth: Int) -> String {
        String(repeating: "  ", count: depth)
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
