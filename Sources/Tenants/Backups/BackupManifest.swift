package import JSON
import Profiles

/// What is known of a backup without opening it: the JSON file beside it, made with it and checksummed.
package struct BackupManifest: Sendable, Equatable {
    /// Of the backup's bytes, lower-case hexadecimal.
    package var sha256: String
    package var bytes: Int64
    package var createdAtMs: Int64
    package var tenant: String
    /// The file it is a copy of, such as `profiles.db`.
    package var file: String
    let content: DatabaseFacts
    /// The version of the program that made it.
    package var gatewayVersion: String

    /// The manifest's name is the backup's with this behind it.
    static let suffix = ".json"
    private static let format = "profile-gateway backup 1"
    /// Milliseconds since 1970 that every reader of JSON can hold, and that ages can be counted from.
    private static let times: ClosedRange<Int64> = 0...1 << 53

    /// The document, with a checksum over its own canonical form.
    package func document() -> JSONValue {
        var object = unsigned()
        object["checksum"] = .string(Fingerprint.of(.object(object)))
        return .object(object)
    }

    private func unsigned() -> JSONObject {
        var object: JSONObject = [
            "format": .string(Self.format), "tenant": .string(tenant), "file": .string(file),
            "sha256": .string(sha256), "bytes": .number(JSONNumber(bytes)),
            "created_at_ms": .number(JSONNumber(createdAtMs)), "gateway_version": .string(gatewayVersion),
        ]
        content.append(to: &object)
        return object
    }

    /// Reads a manifest; nil for one that is torn, altered, or of another format.
    init?(parsing bytes: [UInt8]) {
        guard let value = try? JSONValue(parsing: bytes), var object = value.objectValue,
            let checksum = object["checksum"]?.stringValue
        else { return nil }
        object["checksum"] = nil
        guard checksum == Fingerprint.of(.object(object)), object["format"]?.stringValue == Self.format,
            let sha256 = object["sha256"]?.stringValue, let size = object["bytes"]?.numberValue?.int64,
            let created = object["created_at_ms"]?.numberValue?.int64, Self.times.contains(created),
            let content = DatabaseFacts(object)
        else { return nil }
        self.sha256 = sha256
        self.bytes = size
        self.content = content
        createdAtMs = created
        tenant = object["tenant"]?.stringValue ?? ""
        file = object["file"]?.stringValue ?? ""
        gatewayVersion = object["gateway_version"]?.stringValue ?? ""
    }

    init(
        sha256: String, bytes: Int64, createdAtMs: Int64, tenant: String, file: String, content: DatabaseFacts,
        gatewayVersion: String
    ) {
        self.sha256 = sha256
        self.bytes = bytes
        self.createdAtMs = createdAtMs
        self.tenant = tenant
        self.file = file
        self.content = content
        self.gatewayVersion = gatewayVersion
    }
}
