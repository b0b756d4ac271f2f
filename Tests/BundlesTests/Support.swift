import Bundles
import JSON
import Profiles

/// SplitMix64: the same seed gives the same cases on every run.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

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
