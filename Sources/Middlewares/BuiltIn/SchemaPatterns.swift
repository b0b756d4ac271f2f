internal import Patterns

/// Compiles the regular expressions of schemas, which run on RE2 as all others do.
@Sendable
package func compileSchemaPattern(_ source: String) throws -> @Sendable (String) -> Bool {
    var options = Pattern.Options()
    // A test for a match anywhere is one search over the whole text: small programs keep the slowest one bearable.
    options.maximumProgramSize = 1000
    let pattern = try Pattern.shared(source, options: options)
    return { pattern.matches($0) }
}
