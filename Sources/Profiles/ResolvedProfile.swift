package import JSON

/// One answer to "what does this request get": the effective runtime and where it comes from.
package struct ResolvedProfile: Sendable {
    package let id: ProfileID
    package let version: UInt64
    /// Base first, the requested profile last.
    package let lineage: [LineageEntry]
    package let effective: EffectiveRuntime
    /// Name of the upstream that answers.
    package let upstream: String
    /// `sha256:…` over lineage, effective runtime and upstream; the same inputs give the same bytes.
    package let fingerprint: String
    /// Where every value comes from; only when the resolution was asked to explain.
    package let trace: Trace?

    /// `registry/slug`, the key of chats and logs.
    package var runtimeKey: String { id.description }

    package init(
        id: ProfileID, lineage: [LineageEntry], effective: EffectiveRuntime, upstream: String, trace: Trace? = nil
    ) {
        self.id = id
        version = lineage.last?.version ?? 0
        self.lineage = lineage
        self.effective = effective
        self.upstream = upstream
        self.trace = trace
        var writer = JSONWriter(reservingCapacity: 4096)
        // Canonical: the keys stand in the order of their bytes.
        writer.object { writer in
            writer.key("effective")
            effective.writeCanonically(to: &writer)
            writer.canonicalMember("lineage", .array(lineage.map { $0.document() }))
            writer.member("upstream", upstream)
        }
        fingerprint = Fingerprint.of(canonical: writer.bytes)
    }

    /// The answer of `POST /api/chat/resolve` without its `upstream` (`gateway.md §7`).
    ///
    /// - Parameter isFull: false for the role `chat`, which sees only what it is served by.
    package func document(isFull: Bool) -> JSONValue {
        var object: JSONObject = [
            "registry": .string(id.registry.rawValue), "profile": .string(id.profile.rawValue),
            "version": .number(JSONNumber(version)), "runtime_key": .string(runtimeKey),
            "fingerprint": .string(fingerprint),
        ]
        guard isFull else { return .object(object) }
        object["effective"] = effective.document()
        object["lineage"] = .array(lineage.map { $0.document() })
        if let trace { object["trace"] = trace.document() }
        return .object(object)
    }
}

/// One layer of a stack as it took part in a resolution.
package struct LineageEntry: Sendable, Equatable {
    package let id: ProfileID
    package let version: UInt64

    package init(id: ProfileID, version: UInt64) {
        self.id = id
        self.version = version
    }

    /// As traces name a layer: `registry/slug@version`.
    package var label: String { "\(id)@\(version)" }

    package func document() -> JSONValue {
        [
            "registry_slug": .string(id.registry.rawValue), "profile_slug": .string(id.profile.rawValue),
            "version": .number(JSONNumber(version)),
        ]
    }
}
