internal import JSON

/// An event of a stream that reports an error instead of bringing more of the answer.
struct ReportedFailure {
    /// With the error's members, or with an `error` member that has them.
    let document: JSONValue
    /// Where the event begins among the bytes searched.
    let start: Int

    private static let word = BytePattern("error".utf8)
    private static let signs = ["\"error\"", "event: error", "event:error"].map { BytePattern($0.utf8) }

    /// The first such event among whole events. Only bytes that may hold one are looked through.
    static func first(in events: UnsafeRawBufferPointer) -> ReportedFailure? {
        guard word.occurs(in: events), signs.contains(where: { $0.occurs(in: events) }) else { return nil }
        var parser = EventStreamParser()
        var start = 0
        for (position, byte) in events.enumerated() {
            guard let event = parser.feed(CollectionOfOne(byte)).first else { continue }
            if let document = document(of: event) { return ReportedFailure(document: document, start: start) }
            start = position + 1
        }
        return nil
    }

    private static func document(of event: ServerSentEvent) -> JSONValue? {
        let document = try? JSONValue(parsing: event.data)
        if let error = document?["error"], !error.isNull { return document }
        guard event.name == "error" else { return nil }
        return document ?? .string(event.data)
    }
}
