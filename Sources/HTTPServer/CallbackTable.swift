// Every `Unmanaged` of this target, and the functions C calls.
//
// Who owns what: the server's core is retained from start to stop; a peer from `accepted` to `closed`; an exchange from
// `begin` to `completed`, and once more for each `late`, `gone` and `stopping`; a stream and a body's bytes until
// libmicrohttpd has sent them. The functions are at file scope: a closure made anywhere isolated would trap on
// libmicrohttpd's threads.

internal import CHTTPServer

enum CallbackTable {
    static func make() -> chs_callbacks {
        chs_callbacks(
            accepted: accepted, closed: closed, begin: begin, body: body, ready: ready, completed: completed,
            retain: retain, late: late, gone: gone, stopping: stopping, read: read, release_stream: releaseStream,
            log: log)
    }

    /// A context pointer that keeps the core alive until `release`.
    static func retained(_ core: ServerCore) -> UnsafeMutableRawPointer { Unmanaged.passRetained(core).toOpaque() }

    static func release(_ core: UnsafeMutableRawPointer) { Unmanaged<ServerCore>.fromOpaque(core).release() }

    /// A response that uses the array's bytes where they are.
    static func keeping(_ bytes: [UInt8]) -> OpaquePointer? {
        let box = BytesBox(bytes)
        // The box never changes its array, so the storage stays where it is as long as the box lives.
        return box.bytes.withUnsafeBytes { content in
            guard let base = content.baseAddress else { return nil }
            let owner = Unmanaged.passRetained(box)
            let response = chs_response_keeping(base, content.count, owner.toOpaque(), releaseBytes)
            if response == nil { owner.release() }
            return response
        }
    }

    /// A response that reads the stream.
    static func streaming(_ stream: ResponseStream, _ connection: ConnectionHandle) -> OpaquePointer? {
        let owner = Unmanaged.passRetained(stream)
        let response = chs_response_streaming(connection.pointer, owner.toOpaque())
        if response == nil { owner.release() }
        return response
    }
}

private final class Peer: Sendable {
    let address: SocketAddress
    init(_ address: SocketAddress) { self.address = address }
}

private final class BytesBox: Sendable {
    let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }
}

private func core(_ context: UnsafeMutableRawPointer) -> ServerCore {
    Unmanaged<ServerCore>.fromOpaque(context).takeUnretainedValue()
}

private func accepted(
    _ context: UnsafeMutableRawPointer, _ address: UnsafeRawPointer
) -> UnsafeMutableRawPointer? {
    guard let address = SocketAddress(address), core(context).admit(address) else { return nil }
    return Unmanaged.passRetained(Peer(address)).toOpaque()
}

private func closed(_ context: UnsafeMutableRawPointer, _ peer: UnsafeMutableRawPointer) {
    let peer = Unmanaged<Peer>.fromOpaque(peer).takeRetainedValue()
    core(context).forget(peer.address)
}

private func begin(
    _ context: UnsafeMutableRawPointer, _ connection: OpaquePointer, _ peer: UnsafeMutableRawPointer,
    _ head: UnsafePointer<chs_head>, _ next: UnsafeMutablePointer<chs_next>
) -> UnsafeMutableRawPointer {
    let peer = Unmanaged<Peer>.fromOpaque(peer).takeUnretainedValue()
    let head = head.pointee
    let bodyFollows =
        head.problem == .fine && (head.chunked || head.content_length > 0) && !head.expects_continue
    let (exchange, step) = Exchange.begin(
        core(context), ConnectionHandle(pointer: connection),
        RequestHead.parse(
            head, from: peer.address, takesEncodedSlash: core(context).configuration.takesEncodedSlash),
        bodyFollows: bodyFollows)
    next.pointee = step
    return Unmanaged.passRetained(exchange).toOpaque()
}

private func exchange(_ pointer: UnsafeMutableRawPointer) -> Exchange {
    Unmanaged<Exchange>.fromOpaque(pointer).takeUnretainedValue()
}

private func owned(_ pointer: UnsafeMutableRawPointer) -> Exchange {
    Unmanaged<Exchange>.fromOpaque(pointer).takeRetainedValue()
}

private func body(_ pointer: UnsafeMutableRawPointer, _ bytes: UnsafePointer<UInt8>, _ count: Int) {
    exchange(pointer).received(UnsafeRawBufferPointer(start: bytes, count: count))
}

private func ready(_ pointer: UnsafeMutableRawPointer) -> Bool { exchange(pointer).ready() }

private func completed(_ pointer: UnsafeMutableRawPointer, _ sent: Bool) { owned(pointer).completed(sent: sent) }

private func retain(_ pointer: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    Unmanaged<Exchange>.fromOpaque(pointer).retain().toOpaque()
}

private func late(
    _ context: UnsafeMutableRawPointer, _ pointer: UnsafeMutableRawPointer?, _ connection: OpaquePointer
) {
    if let pointer {
        owned(pointer).late()
    } else {
        let response = core(context).responder.failure(.headTimeout, head: nil)
        ConnectionHandle(pointer: connection).sendLastWords(response.serialised())
    }
}

private func gone(_ pointer: UnsafeMutableRawPointer) { owned(pointer).gone() }

private func stopping(_ pointer: UnsafeMutableRawPointer) { owned(pointer).stopping() }

private func read(_ pointer: UnsafeMutableRawPointer, _ buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int) -> Int {
    Unmanaged<ResponseStream>.fromOpaque(pointer).takeUnretainedValue()
        .read(into: UnsafeMutableRawBufferPointer(start: buffer, count: capacity))
}

private func releaseStream(_ pointer: UnsafeMutableRawPointer) {
    Unmanaged<ResponseStream>.fromOpaque(pointer).release()
}

private func releaseBytes(_ owner: UnsafeMutableRawPointer?) {
    if let owner { Unmanaged<BytesBox>.fromOpaque(owner).release() }
}

private func log(_ context: UnsafeMutableRawPointer, _ matters: Bool, _ text: UnsafePointer<CChar>) {
    core(context).log(matters ? .warning : .debug, String(cString: text))
}
