import Gateway
import Testing

@Suite struct AddressTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ("192.168.1.7", "192.168.1.7", true), ("192.168.1.7", "192.168.1.6", false), ("0.0.0.0/0", "8.8.8.8", true),
        ("0.0.0.0/0", "fd00::1", false), ("::/0", "8.8.8.8", true), ("fd00::/8", "fdff::1", true),
        ("fd00::/8", "fe00::1", false), ("2001:db8::/65", "2001:db8::7fff:0:0:1", true),
        ("2001:db8::/65", "2001:db8::8000:0:0:1", false), ("::1", "::1", true), ("127.0.0.0/8", "::1", false),
    ])
    func `a range holds its addresses and no others`(range: String, address: String, isInside: Bool) throws {
        let address = try #require(IPAddress(parsing: address))
        #expect(try AddressRange(parsing: range).contains(address) == isInside)
    }

    @Test(arguments: ["10.0.0.0/8", "192.168.1.7/32", "fd00::/8", "::1/128", "2001:db8::/65"])
    func `a range is written as it was read`(text: String) throws {
        #expect(try AddressRange(parsing: text).description == text)
    }

    @Test(arguments: [
        "1.2.3", "1.2.3.4.5", "01.2.3.4", "0x7f.0.0.1", "1.2.3.256", "", "::1%lo", "[::1]", "localhost", "1.2.3.4 ",
    ])
    func `what is no plain address is none`(text: String) {
        #expect(IPAddress(parsing: text) == nil)
    }

    @Test func `an address from a socket's bytes is the one from its text`() {
        #expect(IPAddress(bytes: [127, 0, 0, 1]) == .loopback)
        #expect(IPAddress(bytes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1]) == .loopback)
        #expect(IPAddress(bytes: [1, 2, 3]) == nil)
        #expect(IPAddress(parsing: "2001:DB8:0::1")?.description == "2001:db8::1")
        #expect(IPAddress(parsing: "127.1.2.3")?.isLoopback == true)
        #expect(IPAddress(parsing: "::1")?.isLoopback == true)
        #expect(IPAddress(parsing: "128.0.0.1")?.isLoopback == false)
    }

    @Test(arguments: [
        ("127.0.0.1:8080", "127.0.0.1:8080"), (":8080", ":8080"), ("*:8080", ":8080"), ("localhost:1", "127.0.0.1:1"),
        ("[::1]:80", "[::1]:80"), ("unix:/run/x.sock", "unix:/run/x.sock"), ("0.0.0.0:0", "0.0.0.0:0"),
    ])
    func `a listen address is handed on in the server's form`(text: String, form: String) throws {
        #expect(try ListenAddress(parsing: text).description == form)
    }
}
