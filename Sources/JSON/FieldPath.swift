/// The one spelling of paths into documents: `runtime.middlewares[0].name`.
package enum FieldPath {
    package static func member(_ key: String, of path: String) -> String {
        path.isEmpty ? key : "\(path).\(key)"
    }

    package static func element(_ index: Int, of path: String) -> String {
        "\(path)[\(index)]"
    }

    package static func prepending(_ head: String, to path: String) -> String {
        if path.isEmpty { return head }
        return path.utf8.first == UInt8(ascii: "[") ? head + path : "\(head).\(path)"
    }

    /// A text from a request, short enough to be repeated in an error message.
    package static func excerpt(_ text: String) -> String {
        text.utf8.count <= 200 ? text : String(text.prefix(100)) + "…"
    }
}
