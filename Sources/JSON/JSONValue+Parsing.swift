extension JSONValue {
    /// How deep documents may nest (`gateway.md §4`).
    package static let defaultMaximumDepth = 64

    /// Reads exactly one JSON document, strictly.
    ///
    /// - Throws: ``JSONError`` for malformed text, duplicate keys (compared unescaped), bytes after the value,
    ///   invalid UTF-8, lone surrogates, nesting deeper than `maximumDepth` and more values than `maximumValues`.
    package init(
        parsing bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int = defaultMaximumDepth, maximumValues: Int = .max
    ) throws(JSONError) {
        var parser = JSONParser(bytes, maximumDepth: maximumDepth, maximumValues: maximumValues)
        self = try parser.parseDocument()
    }

    package init(
        parsing bytes: [UInt8], maximumDepth: Int = defaultMaximumDepth, maximumValues: Int = .max
    ) throws(JSONError) {
        self = try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
            try JSONValue(parsing: buffer, maximumDepth: maximumDepth, maximumValues: maximumValues)
        }
    }

    package init(parsing text: String, maximumDepth: Int = defaultMaximumDepth) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), maximumDepth: maximumDepth)
    }
}
