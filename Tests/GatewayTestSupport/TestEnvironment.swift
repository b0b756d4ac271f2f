import Glibc

/// The process's environment.
package enum TestEnvironment {
    /// A number that a long run may raise.
    package static func number(_ name: String, default standard: Int) -> Int {
        getenv(name).flatMap { Int(String(cString: $0)) } ?? standard
    }

    /// Sets a variable, for exit tests of what must (not) be read from it.
    package static func set(_ name: String, _ value: String) -> Bool {
        setenv(name, value, 1) == 0
    }
}
