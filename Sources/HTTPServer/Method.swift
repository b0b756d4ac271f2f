/// The request methods this server passes on; every other token is answered with 501 by `ServerFailure`.
package enum Method: String, Sendable, Hashable, CaseIterable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    case options = "OPTIONS"

    /// Recognises a method by its exact bytes; methods are case-sensitive (RFC 9110 §9.1).
    init?(bytes: UnsafeRawBufferPointer) {
        // Told apart by first byte and length first: this runs once per request.
        guard let first = bytes.first else { return nil }
        let candidate: Method
        switch (first, bytes.count) {
        case (UInt8(ascii: "G"), 3): candidate = .get
        case (UInt8(ascii: "H"), 4): candidate = .head
        case (UInt8(ascii: "P"), 4): candidate = .post
        case (UInt8(ascii: "P"), 3): candidate = .put
        case (UInt8(ascii: "P"), 5): candidate = .patch
        case (UInt8(ascii: "D"), 6): candidate = .delete
        case (UInt8(ascii: "O"), 7): candidate = .options
        default: return nil
        }
        guard bytes.elementsEqual(candidate.rawValue.utf8) else { return nil }
        self = candidate
    }
}
