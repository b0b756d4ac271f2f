// libyaml's event parser. Yams brings libyaml along and is the only way we get it, but its own composer is not used
// here: it recurses as deep as the text does, compares whole trees to find duplicate keys, expands what aliases name in
// hashing, and tells neither the second place of a duplicate nor the line of every value. Events are read one by one
// instead, so that every limit is checked before anything is built.

internal import CYaml

/// One event of a YAML stream, with its place.
struct YAMLEvent {
    enum Kind {
        case streamEnd, documentStart, documentEnd
        case alias(String)
        case scalar(text: String, tag: String?, anchor: String?, isPlain: Bool)
        case sequenceStart(tag: String?, anchor: String?)
        case sequenceEnd
        case mappingStart(tag: String?, anchor: String?)
        case mappingEnd
    }

    let kind: Kind
    let line: Int
    let column: Int
}

/// Runs `body` with a source of events over the bytes, which must be UTF-8.
func withYAMLEvents<Result>(
    of bytes: [UInt8], _ body: (_ next: () throws(YAMLError) -> YAMLEvent) throws(YAMLError) -> Result
) throws(YAMLError) -> Result {
    var parser = yaml_parser_t()
    guard yaml_parser_initialize(&parser) == 1 else {
        throw YAMLError("the parser could not be made: out of memory", line: 1, column: 1)
    }
    defer { yaml_parser_delete(&parser) }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
    return try bytes.withUnsafeBufferPointer { buffer throws(YAMLError) in
        yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
        return try body { () throws(YAMLError) in
            var event = yaml_event_t()
            guard yaml_parser_parse(&parser, &event) == 1 else { throw YAMLError(parser) }
            defer { yaml_event_delete(&event) }
            return try YAMLEvent(event)
        }
    }
}

extension YAMLEvent {
    fileprivate init(_ event: yaml_event_t) throws(YAMLError) {
        line = event.start_mark.line + 1
        column = event.start_mark.column + 1
        switch event.type {
        case YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT: kind = .documentStart
        case YAML_STREAM_END_EVENT, YAML_NO_EVENT: kind = .streamEnd
        case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
        case YAML_ALIAS_EVENT: kind = .alias(Self.text(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            kind = .scalar(
                text: String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self),
                tag: Self.text(scalar.tag), anchor: Self.text(scalar.anchor),
                isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
        case YAML_SEQUENCE_START_EVENT:
            kind = .sequenceStart(
                tag: Self.text(event.data.sequence_start.tag), anchor: Self.text(event.data.sequence_start.anchor))
        case YAML_SEQUENCE_END_EVENT: kind = .sequenceEnd
        case YAML_MAPPING_START_EVENT:
            kind = .mappingStart(
                tag: Self.text(event.data.mapping_start.tag), anchor: Self.text(event.data.mapping_start.anchor))
        case YAML_MAPPING_END_EVENT: kind = .mappingEnd
        default: throw YAMLError("the parser reports an unknown event", line: line, column: column)
        }
    }

    private static func text(_ pointer: UnsafePointer<yaml_char_t>?) -> String? {
        pointer.map { String(cString: $0) }
    }
}

extension YAMLError {
    fileprivate init(_ parser: yaml_parser_t) {
        let problem = parser.problem.map { String(cString: $0) } ?? "the text could not be read"
        switch parser.error {
        case YAML_READER_ERROR:
            // The reader knows an offset only, and stops where everything before it was read already.
            self.init(
                "\(problem) at byte \(parser.problem_offset)", line: parser.mark.line + 1,
                column: parser.mark.column + 1)
        case YAML_MEMORY_ERROR:
            self.init("out of memory", line: parser.mark.line + 1, column: parser.mark.column + 1)
        default:
            let context = parser.context.map { " (\(String(cString: $0)))" } ?? ""
            self.init(problem + context, line: parser.problem_mark.line + 1, column: parser.problem_mark.column + 1)
        }
    }
}
