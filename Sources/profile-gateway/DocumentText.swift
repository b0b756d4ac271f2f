import Bundles
import Gateway
import JSON

/// Documents as people write them: YAML, which JSON is too.
enum DocumentText {
    /// - Parameter name: where the text is from, for messages.
    /// - Throws: `ClientFailure` with line and column for what is no mapping in YAML.
    static func object(_ bytes: [UInt8], named name: String) throws(ClientFailure) -> JSONObject {
        let root: YAMLNode?
        do throws(YAMLError) { root = try YAMLNode.parse(bytes) } catch {
            throw ClientFailure(.failed, "\(name): \(error)")
        }
        guard let root else { return [:] }
        guard case .object(let object) = root.json else {
            throw ClientFailure(.failed, "\(name): a mapping of fields is needed, not \(root.json.kindPhrase)")
        }
        return object
    }

    static func yaml(_ value: JSONValue) -> String { String(decoding: YAMLWriter.encode(value), as: UTF8.self) }
}
