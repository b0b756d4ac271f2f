internal import CHTTPServer

extension Exchange {
    /// Queues a response; on the event loop, inside `ready`. False: cut the connection.
    func answer(_ response: Response) -> Bool {
        if let prepared = prepare(response) {
            return chs_connection_answer(connection.pointer, UInt32(response.status.code), prepared)
        }
        response.stream?.abort()
        let failure = core.responder.failure(
            .unusableResponse("the \(response.status) response has a status or header field that is not legal here"),
            head: head)
        core.log(
            .error, "a \(response.status) response had a status or header field that is not legal and became a 500")
        if let prepared = prepare(failure) {
            return chs_connection_answer(connection.pointer, UInt32(failure.status.code), prepared)
        }
        guard let bare = prepare(Response(status: .internalServerError)) else { return false }
        return chs_connection_answer(connection.pointer, 500, bare)
    }

    /// The response as libmicrohttpd wants it; nil if it cannot be sent.
    private func prepare(_ response: Response) -> OpaquePointer? {
        // An interim status would leave the client waiting for the real one.
        guard (200...599).contains(response.status.code), let prepared = body(of: response) else { return nil }
        let isLegal = response.headers.block.withUnsafeBytes { block in
            let text = block.assumingMemoryBound(to: CChar.self)
            for field in response.headers.fields {
                guard let base = text.baseAddress,
                    chs_response_add(
                        prepared, base + Int(field.name), Int(field.nameLength), base + Int(field.value),
                        Int(field.valueLength))
                else { return false }
            }
            return true
        }
        guard isLegal, !mustClose(response) || close(prepared) else {
            chs_response_drop(prepared)
            return nil
        }
        return prepared
    }

    private func body(of response: Response) -> OpaquePointer? {
        switch response.body {
        case .empty: return chs_response_copying(nil, 0)
        case .bytes(let bytes):
            return bytes.count <= Self.copiedBytes
                ? bytes.withUnsafeBytes { chs_response_copying($0.baseAddress, $0.count) }
                : CallbackTable.keeping(bytes)
        case .stream(let stream):
            guard head?.method != .head, response.status != .noContent, response.status != .notModified else {
                stream.abort()
                return chs_response_copying(nil, 0)
            }
            stream.attach(to: connection)
            return CallbackTable.streaming(stream, connection)
        }
    }

    /// How a chunked body was framed cannot be seen from here, so nothing may follow it on the same connection.
    private func mustClose(_ response: Response) -> Bool {
        response.closesConnection || head?.isChunked ?? true || core.isDraining
    }

    private func close(_ response: OpaquePointer) -> Bool {
        chs_response_add(response, "Connection", 10, "close", 5)
    }

    /// Bodies up to this many bytes are copied, longer ones stay where they are until they are sent.
    private static var copiedBytes: Int { 16 << 10 }
}
