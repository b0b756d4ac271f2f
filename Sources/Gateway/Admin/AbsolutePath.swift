internal import Glibc

/// Paths for somebody who stands in another directory.
package enum AbsolutePath {
    package static func of(_ path: String) -> String {
        guard !path.hasPrefix("/"), let here = getcwd(nil, 0) else { return path }
        defer { free(here) }
        var rest = path
        while rest.hasPrefix("./") { rest = String(rest.dropFirst(2)) }
        return String(cString: here) + (rest.isEmpty || rest == "." ? "" : "/" + rest)
    }
}
