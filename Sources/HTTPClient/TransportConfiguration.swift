/// Settings of a transport, fixed for its life.
package struct TransportConfiguration: Sendable {
    /// Kept-alive connections, over all hosts; the oldest idle one is closed beyond it.
    package var maximumIdleConnections: Int
    /// Connections to one host and port at once; further requests wait for one, within their own timeouts.
    /// 0: no limit.
    package var maximumConnectionsPerHost: Int
    /// The most bytes of a response head.
    package var maximumHeadBytes: Int
    /// A proxy for every request, as libcurl writes them (`http://host:port`). `nil`: none, and the environment's
    /// `http_proxy` is ignored (gateway.md §8).
    package var proxy: String?
    /// A file of trusted certificates instead of the system's.
    package var certificateAuthorityFile: String?

    package init(
        maximumIdleConnections: Int = 1024, maximumConnectionsPerHost: Int = 0, maximumHeadBytes: Int = 64 << 10,
        proxy: String? = nil,
        certificateAuthorityFile: String? = nil
    ) {
        self.maximumIdleConnections = maximumIdleConnections
        self.maximumConnectionsPerHost = maximumConnectionsPerHost
        self.maximumHeadBytes = maximumHeadBytes
        self.proxy = proxy
        self.certificateAuthorityFile = certificateAuthorityFile
    }
}
