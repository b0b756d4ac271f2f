// Listen sockets, made here and handed to the C shim: so that a taken address, a wrong one and a socket file that a
// dead process left behind each get an error of their own before any thread starts.

internal import Glibc

/// One bound listen socket.
struct Listener {
    let descriptor: CInt
    let bound: BoundAddress

    /// Binds and listens. Throws `ServerError` with the address and the reason.
    init(_ address: ListenAddress, unixSocketMode: UInt32) throws(ServerError) {
        switch address {
        case .any(let port):
            do throws(ServerError) {
                self = try Self.inet6(high: 0, low: 0, port: port, as: address)
            } catch  where error.reason == .cannotListen {
                // A machine without IPv6.
                self = try Self.inet4(0, port: port, as: address)
            }
        case .address(.ipv4(let number, let port)): self = try Self.inet4(number, port: port, as: address)
        case .address(.ipv6(let high, let low, let port)):
            self = try Self.inet6(high: high, low: low, port: port, as: address)
        case .unix(let path): self = try Self.unix(path, mode: unixSocketMode, as: address)
        case .address(.unix):
            throw ServerError(.cannotListen, "cannot listen at a Unix socket without a path")
        }
    }

    private init(descriptor: CInt, bound: ListenAddress) {
        self.descriptor = descriptor
        self.bound = BoundAddress(address: bound)
    }

    private static func inet4(_ number: UInt32, port: UInt16, as address: ListenAddress) throws(ServerError) -> Listener
    {
        var socketAddress = sockaddr_in()
        socketAddress.sin_family = sa_family_t(AF_INET)
        socketAddress.sin_addr.s_addr = number.bigEndian
        socketAddress.sin_port = port.bigEndian
        let descriptor = try open(AF_INET, address) { descriptor in
            setOption(descriptor, SOL_SOCKET, SO_REUSEADDR)
            return bind(descriptor, to: &socketAddress)
        }
        return Listener(descriptor: descriptor, bound: address.with(port: chosenPort(descriptor) ?? port))
    }

    private static func inet6(
        high: UInt64, low: UInt64, port: UInt16, as address: ListenAddress
    ) throws(ServerError) -> Listener {
        var socketAddress = sockaddr_in6()
        socketAddress.sin6_family = sa_family_t(AF_INET6)
        socketAddress.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &socketAddress.sin6_addr) { bytes in
            bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
            bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        let descriptor = try open(AF_INET6, address) { descriptor in
            setOption(descriptor, SOL_SOCKET, SO_REUSEADDR)
            if case .any = address {
                setOption(descriptor, CInt(IPPROTO_IPV6), IPV6_V6ONLY, 0)
            } else {
                setOption(descriptor, CInt(IPPROTO_IPV6), IPV6_V6ONLY, 1)
            }
            return bind(descriptor, to: &socketAddress)
        }
        return Listener(descriptor: descriptor, bound: address.with(port: chosenPort(descriptor) ?? port))
    }

    private static func unix(_ path: String, mode: UInt32, as address: ListenAddress) throws(ServerError) -> Listener {
        var socketAddress = sockaddr_un()
        socketAddress.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &socketAddress.sun_path) { $0.copyBytes(from: path.utf8) }
        try removeStaleSocket(path, &socketAddress, address)
        let descriptor = try open(AF_UNIX, address) { descriptor in bind(descriptor, to: &socketAddress) }
        guard chmod(path, mode_t(mode)) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw ServerError(.cannotListen, "cannot listen at \(address): cannot set its permissions: \(reason)")
        }
        return Listener(descriptor: descriptor, bound: address)
    }

    /// A socket file nobody listens at any more is removed; anything else in its place is left alone.
    private static func removeStaleSocket(
        _ path: String, _ socketAddress: inout sockaddr_un, _ address: ListenAddress
    ) throws(ServerError) {
        var information = stat()
        guard lstat(path, &information) == 0 else { return }
        guard information.st_mode & S_IFMT == S_IFSOCK else {
            throw ServerError(.cannotListen, "cannot listen at \(address): the path exists and is no socket")
        }
        let probe = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(probe) }
        let result = withUnsafePointer(to: &socketAddress) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result != 0, errno == ECONNREFUSED else {
            throw ServerError(
                .addressInUse, "cannot listen at \(address): another process listens there; stop it or choose another")
        }
        unlink(path)
    }

    private static func open(
        _ family: CInt, _ address: ListenAddress, bind: (CInt) -> CInt
    ) throws(ServerError) -> CInt {
        let descriptor = socket(
            family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw failure(address, errno) }
        guard bind(descriptor) == 0, listen(descriptor, 1024) == 0 else {
            let number = errno
            close(descriptor)
            throw failure(address, number)
        }
        return descriptor
    }

    private static func failure(_ address: ListenAddress, _ number: CInt) -> ServerError {
        switch number {
        case EADDRINUSE:
            ServerError(
                .addressInUse,
                "cannot listen at \(address): the address is already in use; stop the other process or choose another")
        case EACCES:
            ServerError(
                .cannotListen,
                "cannot listen at \(address): permission denied; choose a port above 1023 or another path")
        case EADDRNOTAVAIL:
            ServerError(.cannotListen, "cannot listen at \(address): this machine has no such address")
        default:
            ServerError(.cannotListen, "cannot listen at \(address): \(String(cString: strerror(number)))")
        }
    }

    private static func bind<Address>(_ descriptor: CInt, to address: inout Address) -> CInt {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }

    private static func setOption(_ descriptor: CInt, _ level: CInt, _ option: CInt, _ value: CInt = 1) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<CInt>.size))
    }

    private static func chosenPort(_ descriptor: CInt) -> UInt16? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard getsockname(descriptor, address, &length) == 0 else { return nil }
                switch SocketAddress(address) {
                case .ipv4(_, let port), .ipv6(_, _, let port): return port
                case .unix, nil: return nil
                }
            }
        }
    }
}

extension ListenAddress {
    fileprivate func with(port: UInt16) -> ListenAddress {
        switch self {
        case .any: .any(port: port)
        case .address(.ipv4(let number, _)): .address(.ipv4(number, port: port))
        case .address(.ipv6(let high, let low, _)): .address(.ipv6(high: high, low: low, port: port))
        case .address(.unix), .unix: self
        }
    }
}

extension ServerConfiguration {
    /// The processors this process may use.
    package static var cores: Int { max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN))) }
}
