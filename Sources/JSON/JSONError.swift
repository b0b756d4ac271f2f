/// Why bytes are not acceptable JSON: what, at which byte, under which path.
package struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    package let reason: String
    /// Zero-based position of the offending byte.
    package let offset: Int
    /// Where in the document, as in `runtime.middlewares[0].name`; empty at the top.
    package private(set) var path: String

    init(_ reason: String, at offset: Int) {
        self.reason = reason
        self.offset = offset
        path = ""
    }

    package var description: String {
        path.isEmpty
            ? "invalid JSON at byte \(offset): \(reason)" : "invalid JSON at byte \(offset) (\(path)): \(reason)"
    }

    /// The same error seen from one level further out.
    func inside(key: String) -> JSONError {
        var outer = self
        outer.path = FieldPath.prepending(FieldPath.excerpt(key), to: path)
        return outer
    }

    func inside(index: Int) -> JSONError {
        var outer = self
        outer.path = FieldPath.prepending("[\(index)]", to: path)
        return outer
    }
}
