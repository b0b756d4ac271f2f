import Gateway
import JSON

/// What a command tells about a profile it wrote.
enum WrittenProfile {
    static func report(_ document: JSONValue, _ verb: String, format: OutputFormat) {
        format.print(document) {
            let version = document["metadata"]?.text("version") ?? ""
            return "\(verb) \(document.text("registry"))/\(document.text("slug")), version \(version)"
        }
    }

    /// The document without what the server owns: what a person may change.
    static func editable(_ document: JSONObject) -> JSONObject {
        var document = document
        for key in ["registry", "slug", "is_default"] { document[key] = nil }
        document.mutateObject("metadata") { metadata in
            for key in Array(metadata.keys) where key != "tags" { metadata[key] = nil }
        }
        return document
    }
}
