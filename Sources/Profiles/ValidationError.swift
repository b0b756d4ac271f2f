package import JSON

/// A document or a request that breaks a rule of the domain: which field, and why.
///
/// Its text is the origin's: `validation error (<field>): <reason>`; the edge answers it as 400 with `field` as `param`.
package struct ValidationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Path of the field, as in `runtime.middlewares[0].name`.
    package let field: String
    package let reason: String
    /// A short phrase of the origin that callers know the error by, as in `invalid profile slug`.
    package let phrase: String?

    package init(field: String, reason: String, phrase: String? = nil) {
        self.field = field
        self.reason = reason
        self.phrase = phrase
    }

    package init(_ error: FieldError) {
        self.init(field: error.path, reason: error.reason)
    }

    package var description: String {
        let text = "validation error (\(field)): \(reason)"
        return phrase.map { "\($0): \(text)" } ?? text
    }

    /// The same error, known by a phrase.
    package func known(as phrase: String) -> ValidationError {
        ValidationError(field: field, reason: reason, phrase: phrase)
    }
}

/// Runs code that reads fields and turns its errors into validation errors.
func reading<Result>(_ body: () throws(FieldError) -> Result) throws(ValidationError) -> Result {
    do { return try body() } catch { throw ValidationError(error) }
}
