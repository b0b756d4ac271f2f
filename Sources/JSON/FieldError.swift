/// A field of a document that has the wrong type or should not be there.
package struct FieldError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Path of the field, as in `runtime.tools[2]`.
    package let path: String
    package let reason: String

    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    package var description: String { path.isEmpty ? reason : "\(path): \(reason)" }
}
