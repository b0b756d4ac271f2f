/// How the server listens, and its limits; the defaults are the ones that production should have.
package struct ServerConfiguration: Sendable {
    /// Where to listen: all of them or the start fails.
    package var listen: [ListenAddress]
    /// Threads that serve connections; each has its own event loop.
    package var threads: Int
    /// Connections at once; further clients wait in the kernel's queue until one ends.
    package var maximumConnections = 8192
    /// Connections at once from one IPv4 address or IPv6 /64 network; a further one is closed at once. Nil: no limit.
    package var maximumConnectionsPerAddress: Int?
    /// Peers that `maximumConnectionsPerAddress` does not count, such as trusted proxies.
    package var uncountedPeers: [AddressRange] = []
    /// From a connection's (or the next request's) beginning to the end of the head.
    package var headTimeout: Duration = .seconds(10)
    /// From the end of the head to the end of the body, in all; time in which the handler does not read does not count.
    package var bodyTimeout: Duration = .seconds(30)
    /// How long a connection may wait for its next request, and a response for a client that does not read.
    package var idleTimeout: Duration = .seconds(75)
    /// How long the body of a refused request is read and thrown away before it is answered.
    package var drainTimeout: Duration = .seconds(2)
    /// How many bytes of a refused request's body are read and thrown away before it is answered.
    package var drainLimit = 4 << 20
    /// Whether the path segment after these (decoded) ones may hold encoded slashes. Everywhere else they are refused:
    /// two programs would read such a path differently.
    package var takesEncodedSlash: @Sendable (_ before: [String]) -> Bool = { _ in false }
    /// The permission bits of Unix sockets made here.
    package var unixSocketMode: UInt32 = 0o660

    package init(listen: [ListenAddress], threads: Int = ServerConfiguration.cores) {
        self.listen = listen
        self.threads = threads
    }
}
