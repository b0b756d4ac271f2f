// The request target: raw bytes in, decoded path segments and query out, or a reason to refuse.
//
// libmicrohttpd would hand us a path that is already percent-decoded, in which `/t/a%2Fb` and `/t/a/b` are one.
// A tenant is named in the path, so this decodes once, segment by segment, and refuses whatever two programs could
// read differently: encoded slashes, NULs and control bytes, dot segments, stray percent signs, other target forms.
// Who makes the server may name a place where an encoded slash belongs to a name and decides about nothing else.

/// A parsed origin-form target (RFC 9112 §3.2.1).
package struct RequestTarget: Sendable {
    /// The decoded segments: `/a/b%20c/` has `["a", "b c"]`; `/` has none; `/a//b` has an empty one in the middle.
    /// One holds a slash only where the server takes encoded ones.
    package let path: [String]
    /// Whether the path ends in a slash (and is not just `/`).
    package let hasTrailingSlash: Bool
    /// The decoded query pairs in order; a pair without `=` has an empty value.
    package let query: [(name: String, value: String)]
    private let rawBytes: [UInt8]

    /// The target as the client sent it.
    package var raw: String { String(decoding: rawBytes, as: UTF8.self) }

    /// The raw path, without the query.
    package var rawPath: String {
        String(decoding: rawBytes.prefix { $0 != UInt8(ascii: "?") }, as: UTF8.self)
    }

    /// The first value of a query parameter; nil if it is not there.
    package func query(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// Parses a target, for tests and links of our own.
    package init(
        _ raw: String, takesEncodedSlash: ([String]) -> Bool = { _ in false }
    ) throws(RequestTargetError) {
        var raw = raw
        var result: Swift.Result<RequestTarget, RequestTargetError> = .failure(.notOriginForm)
        raw.withUTF8 { bytes in
            do throws(RequestTargetError) {
                result = .success(
                    try RequestTarget(bytes: UnsafeRawBufferPointer(bytes), takesEncodedSlash: takesEncodedSlash))
            } catch {
                result = .failure(error)
            }
        }
        self = try result.get()
    }

    /// Parses the raw bytes of a request line's target.
    init(
        bytes: UnsafeRawBufferPointer, takesEncodedSlash: ([String]) -> Bool
    ) throws(RequestTargetError) {
        guard bytes.first == UInt8(ascii: "/") else { throw .notOriginForm }
        var pathEnd = bytes.count
        for (index, byte) in bytes.enumerated() {
            guard byte > 0x20, byte < 0x7F else { throw .illegalByte }
            switch byte {
            case UInt8(ascii: "?") where pathEnd == bytes.count: pathEnd = index
            case UInt8(ascii: "#"): throw .illegalByte
            case UInt8(ascii: "\\") where pathEnd == bytes.count: throw .encodedSlash
            default: break
            }
        }
        var segments: [String] = []
        segments.reserveCapacity(8)
        var start = 1
        for index in 1...pathEnd where index == pathEnd || bytes[index] == UInt8(ascii: "/") {
            let raw = UnsafeRawBufferPointer(rebasing: bytes[start..<index])
            segments.append(try Self.segment(raw) { takesEncodedSlash(segments) })
            start = index + 1
        }
        hasTrailingSlash = segments.count > 1 && segments.last == ""
        if segments.last == "" { segments.removeLast() }
        path = segments
        query =
            pathEnd == bytes.count
            ? [] : try Self.query(UnsafeRawBufferPointer(rebasing: bytes[(pathEnd + 1)...]))
        rawBytes = [UInt8](bytes)
    }

    private static func segment(
        _ bytes: UnsafeRawBufferPointer, takesSlash: () -> Bool
    ) throws(RequestTargetError) -> String {
        guard bytes.contains(UInt8(ascii: "%")) else {
            guard !isDots(bytes) else { throw .dotSegment }
            return String(decoding: bytes, as: UTF8.self)
        }
        let decoded = try decode(bytes, plusIsSpace: false)
        for byte in decoded {
            if byte == UInt8(ascii: "\\") { throw .encodedSlash }
            if byte < 0x20 || byte == 0x7F { throw .encodedControl }
        }
        let parts = decoded.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == 1 || takesSlash() else { throw .encodedSlash }
        guard !parts.contains(where: { $0.withUnsafeBytes(isDots) }) else { throw .dotSegment }
        guard let text = String(validating: decoded, as: UTF8.self) else { throw .notUTF8 }
        return text
    }

    private static func query(_ bytes: UnsafeRawBufferPointer) throws(RequestTargetError) -> [(
        name: String, value: String
    )] {
        var pairs: [(name: String, value: String)] = []
        for part in bytes.split(separator: UInt8(ascii: "&")) {
            let halves = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = try queryText(UnsafeRawBufferPointer(rebasing: halves[0]))
            let value = halves.count > 1 ? try queryText(UnsafeRawBufferPointer(rebasing: halves[1])) : ""
            pairs.append((name, value))
        }
        return pairs
    }

    private static func queryText(_ bytes: UnsafeRawBufferPointer) throws(RequestTargetError) -> String {
        let decoded = try decode(bytes, plusIsSpace: true)
        guard !decoded.contains(0) else { throw .encodedControl }
        guard let text = String(validating: decoded, as: UTF8.self) else { throw .notUTF8 }
        return text
    }

    private static func decode(_ bytes: UnsafeRawBufferPointer, plusIsSpace: Bool) throws(RequestTargetError) -> [UInt8]
    {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < bytes.count, let high = bytes[index + 1].hexDigit,
                    let low = bytes[index + 2].hexDigit
                else { throw .badEscape }
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
                index += 1
            }
        }
        return decoded
    }

    private static func isDots(_ bytes: UnsafeRawBufferPointer) -> Bool {
        (bytes.count == 1 || bytes.count == 2) && bytes.allSatisfy { $0 == UInt8(ascii: ".") }
    }
}

/// Why a request target is refused with 400.
package enum RequestTargetError: Error, Sendable, CaseIterable, CustomStringConvertible {
    case notOriginForm, illegalByte, badEscape, encodedSlash, encodedControl, dotSegment, notUTF8

    package var description: String {
        switch self {
        case .notOriginForm: "the request target must be a path that starts with '/'"
        case .illegalByte: "the request target contains a byte that must be percent-encoded"
        case .badEscape: "the request target contains a '%' that is not followed by two hexadecimal digits"
        case .encodedSlash: "the path contains an encoded slash or a backslash"
        case .encodedControl: "the request target contains an encoded NUL or control byte"
        case .dotSegment: "the path contains a '.' or '..' segment"
        case .notUTF8: "the request target does not decode to UTF-8"
        }
    }
}

extension UInt8 {
    /// The value of an ASCII hexadecimal digit.
    var hexDigit: UInt8? {
        switch self {
        case 48...57: self - 48
        case 65...70: self - 55
        case 97...102: self - 87
        default: nil
        }
    }
}
