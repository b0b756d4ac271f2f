import Testing

@testable import Gateway

struct DoorTests {
    @Test(arguments: [
        "localhost", "localhost:8080", "LOCALHOST", "a.localhost:1", "127.0.0.1", "127.9.8.7:80", "[::1]", "[::1]:8080",
        "localhost.",
    ])
    func `knows the names of loopback`(host: String) {
        #expect(Door.isLoopbackName(host))
    }

    @Test(arguments: [
        "example.com", "localhost.example.com", "127.0.0.1.example.com", "10.0.0.1", "[::2]", "", "0.0.0.0",
    ])
    func `takes no other name for loopback`(host: String) {
        #expect(!Door.isLoopbackName(host))
    }
}
