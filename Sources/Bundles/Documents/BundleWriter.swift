package import JSON
package import Profiles

/// Writes registries as documents that read back as the same registries.
package enum BundleWriter {
    /// One registry as its own document, several (or none) as a bundle under `registries:`.
    ///
    /// - Parameter masksKeys: whether literal provider keys are shown as `***`, which an import takes as "keep yours".
    package static func document(of registries: [RegistryDocument], masksKeys: Bool = true) -> JSONValue {
        if registries.count == 1, let only = registries.first { return document(of: only, masksKeys: masksKeys) }
        return bundle(of: registries, masksKeys: masksKeys)
    }

    /// Always a bundle, as the origin of 2026-02-24 writes it.
    package static func bundle(of registries: [RegistryDocument], masksKeys: Bool = true) -> JSONValue {
        var entries = JSONObject(minimumCapacity: registries.count)
        for registry in registries {
            entries[registry.registry.slug.rawValue] = document(of: registry, masksKeys: masksKeys)
        }
        return ["registries": .object(entries)]
    }

    private static func document(of document: RegistryDocument, masksKeys: Bool) -> JSONValue {
        guard masksKeys else { return document.registry.storedDocument(with: document.profiles) }
        return document.registry.storedDocument(
            with: document.profiles.map { profile in
                var masked = profile
                masked.runtime = profile.runtime.maskingLiteralKeys()
                return masked
            })
    }

    /// The document's text, ending with a line break.
    package static func encode(_ document: JSONValue, as syntax: BundleSyntax) -> [UInt8] {
        switch syntax {
        case .json: document.pretty() + [UInt8(ascii: "\n")]
        case .yaml: YAMLWriter.encode(document)
        }
    }
}
