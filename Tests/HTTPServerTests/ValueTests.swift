import HTTPServer
import Testing

@Suite struct ValueTests {
    @Test(arguments: [
        ("/", [String](), false), ("/a", ["a"], false), ("/a/", ["a"], true), ("/a//b", ["a", "", "b"], false),
        ("//", [""], true), ("/a%20b/%C3%A9", ["a b", "é"], false), ("/a+b;c=d,e", ["a+b;c=d,e"], false),
        ("/...", ["..."], false), ("/a?b/../c", ["a"], false), ("/%252e", ["%2e"], false),
    ])
    func `a target has its segments decoded once`(_ raw: String, _ path: [String], _ slash: Bool) throws {
        let target = try RequestTarget(raw)
        #expect(target.path == path)
        #expect(target.hasTrailingSlash == slash)
        #expect(target.raw == raw)
    }

    @Test func `a query is decoded after it was split`() throws {
        let target = try RequestTarget("/?a=1&b=x%26y%3D+z&&c&a=2&=v&d=e=f")
        #expect(target.query.map { "\($0.name)>\($0.value)" } == ["a>1", "b>x&y= z", "c>", "a>2", ">v", "d>e=f"])
        #expect(target.query("a") == "1")
        #expect(target.query("c") == "")
        #expect(target.query("x") == nil)
        #expect(target.rawPath == "/")
    }

    @Test(arguments: [
        ("", RequestTargetError.notOriginForm), ("*", .notOriginForm), ("http://a/", .notOriginForm),
        ("/a b", .illegalByte), ("/é", .illegalByte), ("/#", .illegalByte), ("/%", .badEscape), ("/%4", .badEscape),
        ("/%4g", .badEscape), ("/?%", .badEscape), ("/%2F", .encodedSlash), ("/a\\", .encodedSlash),
        ("/%00", .encodedControl), ("/%7f", .encodedControl), ("/?%00", .encodedControl), ("/.", .dotSegment),
        ("/a/../b", .dotSegment), ("/%2e.", .dotSegment), ("/%ff", .notUTF8), ("/%ed%a0%80", .notUTF8),
        ("/?a=%ff", .notUTF8),
    ])
    func `a target that can be read in two ways is refused`(_ raw: String, _ reason: RequestTargetError) {
        #expect(throws: reason) { try RequestTarget(raw) }
    }

    @Test func `an encoded slash is taken only behind the segments that the server names`() throws {
        func parse(_ raw: String) throws -> [String] {
            try RequestTarget(raw) { $0 == ["a", "b c"] }.path
        }
        #expect(try parse("/a/b%20c/x%2Fy%2f%2Fz") == ["a", "b c", "x/y//z"])
        #expect(try parse("/a/b%20c/x%252Fy") == ["a", "b c", "x%2Fy"])
        for raw in ["/x%2Fy", "/a%2Fb c/x", "/a/b%2Fc/x", "/a/b/x%2Fy", "/a/b%20c/d/x%2Fy", "/a/b%20c%2Fx"] {
            #expect(throws: RequestTargetError.self, "\(raw)") { try parse(raw) }
        }
        for (raw, reason) in [
            ("/a/b%20c/x%2F..", RequestTargetError.dotSegment), ("/a/b%20c/.%2Fx", .dotSegment),
            ("/a/b%20c/x%2F%2e%2E%2Fy", .dotSegment), ("/a/b%20c/x%2F%5C", .encodedSlash),
            ("/a/b%20c/x%2F%00", .encodedControl), ("/a/b%20c/x%2F%ff", .notUTF8),
        ] {
            #expect(throws: reason, "\(raw)") { try parse(raw) }
        }
    }

    @Test func `header fields compare without case and keep order and spelling`() {
        var fields: HeaderFields = ["Content-Type": "a", "x-one": "1", "X-ONE": "2", "X-One-Two": "3"]
        #expect(fields["content-TYPE"] == "a")
        #expect(fields.values("X-One") == ["1", "2"])
        #expect(fields["X-On"] == nil)
        // Only letters have a case: '@' and '`' differ by the same bit.
        fields.append("a@b", "4")
        #expect(fields["a`b"] == nil)
        fields.set("x-one", "5")
        #expect(fields.pairs.map { "\($0.name)=\($0.value)" } == ["Content-Type=a", "X-One-Two=3", "a@b=4", "x-one=5"])
        fields.remove("CONTENT-type")
        fields.append(contentsOf: ["Last": "", "Ü": "ü"])
        #expect(fields.pairs.map { "\($0.name)=\($0.value)" } == ["X-One-Two=3", "a@b=4", "x-one=5", "Last=", "Ü=ü"])
        #expect(fields.withValue("x-one") { Array($0) } == [53])
    }

    @Test(arguments: [
        ("127.0.0.1:8080", "127.0.0.1:8080", true), (":8080", ":8080", false), ("[::1]:0", "[::1]:0", true),
        ("localhost:80", "127.0.0.1:80", true), ("0.0.0.0:1", "0.0.0.0:1", false),
        ("[2001:DB8::1]:65535", "[2001:db8::1]:65535", false),
        ("unix:/run/a b.sock", "unix:/run/a b.sock", true), ("[::ffff:127.0.0.1]:1", "127.0.0.1:1", true),
    ])
    func `listen addresses are read and written`(_ text: String, _ written: String, _ isLoopback: Bool) throws {
        let address = try #require(ListenAddress(parsing: text))
        #expect(address.description == written)
        #expect(address.isLoopback == isLoopback)
    }

    @Test(arguments: [
        "", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "::1:8080", "[::1]",
        "example.com:80", "[127.0.0.1]:80", "127.1:80", "unix:", "unix:" + String(repeating: "x", count: 108),
        "[::1:80",
    ])
    func `what is no listen address is refused`(_ text: String) {
        #expect(ListenAddress(parsing: text) == nil)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("0.0.0.0/0", "1.2.3.4", true),
        ("0.0.0.0/0", "::1", false), ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.8", false),
        ("2001:db8::/32", "2001:db8:1::1", true), ("2001:db8::/32", "2001:db9::1", false), ("::1", "::1", true),
        ("fe80::/65", "fe80::8000:0:0:1", false), ("10.0.0.0/8", "::ffff:10.1.1.1", true), ("::/0", "2001::", true),
    ])
    func `address ranges contain what they should`(_ range: String, _ address: String, _ expected: Bool) throws {
        let range = try #require(AddressRange(parsing: range))
        #expect(range.contains(try #require(SocketAddress(parsing: address))) == expected)
        #expect(!range.contains(.unix))
    }

    @Test(arguments: [
        "", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "::1/64", "a", "10.0.0.0/8/8",
    ])
    func `what is no address range is refused`(_ text: String) {
        #expect(AddressRange(parsing: text) == nil)
    }

    @Test func `the peers of Unix sockets are a range of their own`() throws {
        #expect(try #require(AddressRange(parsing: "unix")).contains(.unix))
    }

    @Test func `loopback is loopback, also when mapped into IPv6`() throws {
        for text in ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "[::1]"] {
            #expect(try #require(SocketAddress(parsing: text)).isLoopback)
        }
        for text in ["128.0.0.1", "::", "::2", "::127.0.0.1"] {
            #expect(try !#require(SocketAddress(parsing: text)).isLoopback)
        }
        #expect(!SocketAddress.unix.isLoopback)
    }
}
