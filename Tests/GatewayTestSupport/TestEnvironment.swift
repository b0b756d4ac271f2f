import Glibc

/// The process's environment, for exit tests of what must (not) be read from it.
package enum TestEnvironment {
    package static func set(_ name: String, _ value: String) -> Bool {
        setenv(name, value, 1) == 0
    }
}
