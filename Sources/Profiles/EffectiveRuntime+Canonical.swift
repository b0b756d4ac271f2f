import JSON

extension EffectiveRuntime {
    /// Writes the canonical bytes of ``document()`` without building it; every resolution needs them for its
    /// fingerprint.
    func writeCanonically(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.canonicalMember("extensions", .object(extensions))
            writer.member(
                "middlewares",
                array: { writer in
                    for use in middlewares { use.writeCanonically(to: &writer) }
                })
            writer.canonicalMember("policy", policy.document(always: true))
            writer.canonicalMember("step_settings", .object(LiteralKeys.masking(stepSettings)))
            writer.member("system_prompt", systemPrompt.map(JSONValue.string) ?? .null)
            writer.member("tools", LayerMerge.document(of: tools))
            if !variables.isEmpty { writer.canonicalMember("variables", variablesDocument()) }
        }
    }
}

extension EffectiveMiddleware {
    fileprivate func writeCanonically(to writer: inout JSONWriter) {
        writer.object { writer in
            if !config.isEmpty { writer.canonicalMember("config", .object(config)) }
            writer.member("enabled", isEnabled)
            if let id { writer.member("id", id) }
            writer.member("name", name)
        }
    }
}
