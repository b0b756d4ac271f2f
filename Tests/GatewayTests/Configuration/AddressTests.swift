import Gateway
import HTTPServer
import Testing

@Suite struct AddressTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ("192.168.1.7", "192.168.1.7", true), ("192.168.1.7", "192.168.1.6", false), ("0.0.0.0/0", "8.8.8.8", true),
        ("0.0.0.0/0", "fd00::1", false), ("fd00::/8", "fdff::1", true), ("fd00::/8", "fe00::1", false),
        ("2001:db8::/65", "2001:db8::7fff:0:0:1", true), ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
        ("::1", "::1", true), ("127.0.0.0/8", "::1", false),
    ])
    func `a trusted range holds its addresses and no others`(range: String, address: String, isInside: Bool) throws {
        let address = try #require(SocketAddress(parsing: address))
        let trusted = try load("trusted_proxies: ['\(range)']").configuration.trustedProxies
        #expect(trusted.map { $0.contains(address) } == [isInside])
    }

    @Test(arguments: [
        ("127.0.0.1:8080", "127.0.0.1:8080"), ("localhost:1", "127.0.0.1:1"), ("[::1]:80", "[::1]:80"),
        ("unix:/run/x.sock", "unix:/run/x.sock"), ("127.0.0.1:0", "127.0.0.1:0"),
    ])
    func `a listen address is handed on in the server's form`(text: String, form: String) throws {
        #expect(try load("listen: '\(text)'").configuration.listen.map(\.description) == [form])
    }

    @Test func `port 0 may be asked for twice`() throws {
        #expect(try load("listen: ['127.0.0.1:0', '127.0.0.1:0']").configuration.listen.count == 2)
    }
}
