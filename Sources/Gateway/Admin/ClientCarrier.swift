/// Takes a command's requests to a gateway: over a connection, or by a call.
protocol ClientCarrier: Sendable {
    /// Sends, and returns when the head of the answer is there.
    func send(_ request: ClientRequest, target: String) async throws(ClientFailure) -> CarriedAnswer

    func close() async
}

/// An answer whose body may still be on its way.
struct CarriedAnswer: Sendable {
    let status: Int
    /// Names in lower case.
    let fields: [String: String]
    /// Throws `ClientFailure` when the body has no proper end.
    let body: AsyncThrowingStream<[UInt8], any Error>
}
