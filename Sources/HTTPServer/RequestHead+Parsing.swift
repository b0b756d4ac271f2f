internal import CHTTPServer

extension RequestHead {
    /// A head as C hands it over, good or with the reason why it is refused.
    static func parse(
        _ head: chs_head, from peer: SocketAddress, takesEncodedSlash: ([String]) -> Bool
    ) -> Result<RequestHead, ServerFailure> {
        if let failure = ServerFailure(head.problem) { return .failure(failure) }
        let methodBytes = UnsafeRawBufferPointer(start: head.method, count: head.method_length)
        guard let method = Method(bytes: methodBytes) else {
            // A token, so ASCII; shortened, because it goes into an answer.
            return .failure(.methodNotImplemented(String(decoding: methodBytes.prefix(32), as: UTF8.self)))
        }
        do throws(RequestTargetError) {
            let target = try RequestTarget(
                bytes: UnsafeRawBufferPointer(start: head.target, count: head.target_length),
                takesEncodedSlash: takesEncodedSlash)
            return .success(
                RequestHead(
                    method: method, target: target, headers: HeaderFields(copying: head), remoteAddress: peer,
                    contentLength: head.content_length < 0 ? nil : Int(head.content_length), isChunked: head.chunked,
                    expectsContinue: head.expects_continue))
        } catch {
            return .failure(.malformed(error.description))
        }
    }
}

extension HeaderFields {
    /// One copy of the block and one of the table; nothing becomes a `String` here.
    fileprivate init(copying head: chs_head) {
        let block = [UInt8](UnsafeRawBufferPointer(start: head.block, count: head.block_length))
        let fields = UnsafeBufferPointer(start: head.fields, count: head.field_count)
        self.init(
            block: block,
            fields: fields.map {
                Field(name: $0.name, nameLength: $0.name_length, value: $0.value, valueLength: $0.value_length)
            })
    }
}

extension ServerFailure {
    /// What a finding of the C shim means; nil if it found nothing.
    fileprivate init?(_ problem: chs_problem) {
        switch problem {
        case .fine: return nil
        case .badMethod: self = .malformed("the method is not a token")
        case .badRequestLine: self = .malformed("the request line is not 'method SP target SP HTTP/1.1'")
        case .badHeaderName: self = .malformed("a header name is not a token")
        case .badHeaderValue: self = .malformed("a header value contains a control byte")
        case .badLineEnding: self = .malformed("a header line is folded, contains NUL or does not end in CR LF")
        case .duplicateContentLength: self = .malformed("more than one Content-Length")
        case .badContentLength: self = .malformed("Content-Length is not a number")
        case .lengthAndCoding: self = .malformed("both Content-Length and Transfer-Encoding")
        case .badTransferCoding: self = .malformed("the only Transfer-Encoding is a single 'chunked' in HTTP/1.1")
        case .missingHost: self = .malformed("no Host header")
        case .duplicateHost: self = .malformed("more than one Host header")
        case .badHost: self = .malformed("the Host header is not a host name")
        case .badExpect: self = .expectationFailed
        }
    }
}
