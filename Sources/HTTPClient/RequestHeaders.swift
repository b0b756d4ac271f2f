/// Request headers, kept as the lines they will be sent as, so that the fixed ones of an upstream are checked and
/// built once and copied per request.
package struct RequestHeaders: Sendable {
    /// NUL-terminated lines in libcurl's notation ("Name: value", or "Name;" for an empty value).
    private(set) var lines: [UInt8] = []

    package init() {}

    /// - Throws: `TransferError.Kind.badHeader` if a name is no token, a value holds a control character, or a
    ///   header is the transport's own to set.
    package init(_ fields: [(name: String, value: String)]) throws(TransferError) {
        for field in fields {
            try append(field.name, field.value)
        }
    }

    /// Adds one header line; nothing is replaced.
    ///
    /// - Throws: see `init(_:)`.
    package mutating func append(_ name: String, _ value: String) throws(TransferError) {
        guard !name.isEmpty, name.utf8.allSatisfy(Self.isTokenByte) else {
            throw TransferError(.badHeader, "request header name is not a token")
        }
        guard !Self.ownedByTransport.contains(name.lowercased()) else {
            throw TransferError(.badHeader, "request header \(name) is set by the transport")
        }
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw TransferError(.badHeader, "value of request header \(name) holds a control character")
        }
        lines.append(contentsOf: name.utf8)
        if value.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) {
            lines.append(UInt8(ascii: ";"))
        } else {
            lines.append(UInt8(ascii: ":"))
            lines.append(UInt8(ascii: " "))
            lines.append(contentsOf: value.utf8)
        }
        lines.append(0)
    }

    package mutating func append(contentsOf other: RequestHeaders) {
        lines.append(contentsOf: other.lines)
    }

    /// Whether a header of this lower-case name is present.
    package func contains(_ lowercasedName: String) -> Bool {
        lines.split(separator: 0).contains { line in
            line.count > lowercasedName.utf8.count
                && zip(line, lowercasedName.utf8).allSatisfy { asciiLowercased($0) == $1 }
                && (line[line.startIndex + lowercasedName.utf8.count] == UInt8(ascii: ":")
                    || line[line.startIndex + lowercasedName.utf8.count] == UInt8(ascii: ";"))
        }
    }

    private static let ownedByTransport: Set<String> = [
        "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default:
            "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

func asciiLowercased(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
}
