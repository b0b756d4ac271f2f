/// Measurements in Prometheus's text format, version 0.0.4: a family at a time, each with its help and its samples.
struct MetricsText {
    enum Kind: String {
        case gauge, counter
    }

    struct Sample {
        let labels: [(name: String, value: String)]
        let value: Int64

        init(_ value: Int64, _ label: (name: String, value: String)? = nil) {
            self.init(value, labels: label.map { [$0] } ?? [])
        }

        init(_ value: Int64, labels: [(name: String, value: String)]) {
            self.labels = labels
            self.value = value
        }
    }

    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    /// Adds a family. Without samples nothing is written: there is nothing to say yet.
    ///
    /// - Parameter help: one line, without backslashes.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples {
            let labels = sample.labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
            text += labels.isEmpty ? "\(name) \(sample.value)\n" : "\(name){\(labels)} \(sample.value)\n"
        }
    }

    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
