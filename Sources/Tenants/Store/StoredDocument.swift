import JSON
import Profiles

/// Reading stored documents: what cannot be read is damage at a place, not an error of a request.
enum StoredDocument {
    /// The profile of a row; of one of its earlier versions when `version` is given.
    static func profile(
        _ bytes: [UInt8], registry: String, slug: String, version: UInt64? = nil
    ) throws(RegistryError) -> Profile {
        func damage(_ reason: String) -> RegistryError {
            .damaged(
                RegistryError.Damage(
                    table: version == nil ? "profiles" : "profile_history",
                    row: "\(registry)/\(slug)" + (version.map { "@\($0)" } ?? ""), column: "document_json",
                    reason: reason))
        }
        do {
            let profile = try Profile(document: try JSONValue(parsing: bytes), slug: ProfileSlug(slug))
            guard profile.slug.rawValue == slug else {
                throw damage("slug mismatch: the row is \"\(slug)\", the document says \"\(profile.slug)\"")
            }
            return profile
        } catch let error as JSONError {
            throw damage("\(error)")
        } catch let error as ValidationError {
            throw damage(error.description)
        } catch let error as RegistryError {
            throw error
        } catch {
            throw damage("\(error)")
        }
    }

    /// The registry of a row, with the profiles that came inside its document: a file of the origin, or pasted.
    static func registry(_ bytes: [UInt8], slug: String, origin: DocumentOrigin) throws(RegistryError)
        -> RegistryDocument
    {
        func damage(_ reason: String) -> RegistryError {
            .damaged(
                RegistryError.Damage(table: "profile_registries", row: slug, column: "payload_json", reason: reason))
        }
        guard let rowSlug = RegistrySlug(slug), rowSlug.rawValue == slug else {
            throw .damaged(
                RegistryError.Damage(
                    table: "profile_registries", row: slug, column: "slug", reason: "is no valid registry slug"))
        }
        do {
            let document = try RegistryDocument(
                document: try JSONValue(parsing: bytes, maximumDepth: RegistryDocument.maximumDepth), rowSlug: rowSlug,
                origin: origin)
            // A default that points nowhere is a mistake; none at all is what the origin leaves when it deletes it.
            if document.registry.defaultProfileSlug != nil { try document.validate() }
            return document
        } catch let error as JSONError {
            throw damage("\(error)")
        } catch let error as ValidationError {
            throw damage(error.description)
        } catch {
            throw damage("\(error)")
        }
    }
}
