import Bundles
import JSON
import Profiles

func yaml(_ text: String, strict: Bool = false, registry: String = "default") throws -> Bundle {
    var reader = BundleReader()
    reader.isStrict = strict
    reader.defaultRegistry = RegistrySlug(normalised: registry)
    return try reader.read(Array(text.utf8), as: .yaml)
}

func json(_ text: String) throws -> Bundle { try BundleReader().read(Array(text.utf8), as: .json) }

/// The value of one YAML document.
func value(_ text: String) throws -> JSONValue { try YAMLNode.parse(Array(text.utf8))?.json ?? .null }

extension RegistryDocument {
    var document: JSONValue { registry.storedDocument(with: profiles) }
}

extension JSONValue {
    var text: String { String(decoding: encoded(), as: UTF8.self) }
}
