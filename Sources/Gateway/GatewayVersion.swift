internal import HTTPClient
internal import HTTPServer
internal import SQLite

/// The product's version, as `version`, `/version` and `Server` tell it.
package enum GatewayVersion {
    package static let text = "0.1.0"

    /// The system's libraries the process runs on, and their versions at run time. RE2 does not tell its own.
    package static var libraries: [(name: String, version: String)] {
        // libcurl names what it is built on too: "libcurl/7.88.1 OpenSSL/3.0.15 …".
        let curl = Transport.libraryVersion.split(separator: " ").first?.split(separator: "/").last
        return [
            ("sqlite", SQLiteLibrary.version),
            ("libmicrohttpd", Server.libraryVersion),
            ("libcurl", curl.map(String.init) ?? Transport.libraryVersion),
        ]
    }
}
