internal import JSON

extension RequestContext {
    /// The body as one strict JSON value. An empty body is none: read as an empty object, a PUT whose body got lost
    /// would empty the profile.
    ///
    /// - Throws: `Problem` 400 naming what is wrong and at which byte.
    func bodyValue() throws(Problem) -> JSONValue {
        if body.isEmpty {
            throw Problem.badRequest("bad request: the body is empty; send a JSON object", code: "invalid_json")
        }
        do {
            return try JSONValue(parsing: body)
        } catch {
            throw Problem(error)
        }
    }

    /// A reader over the fields of a body that must be an object.
    func bodyReader() throws(Problem) -> ObjectReader {
        guard case .object(let object) = try bodyValue() else {
            throw Problem.badRequest("bad request: the body must be a JSON object", code: "invalid_json")
        }
        return ObjectReader(object)
    }
}
