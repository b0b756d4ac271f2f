package import Profiles

extension OriginDocument {
    /// YAML with the notes as comments above it.
    package func yaml() -> [UInt8] {
        let comments = notes.map { "# not in this form: \($0)\n" }.joined()
        return Array(comments.utf8) + YAMLWriter.encode(document)
    }
}
