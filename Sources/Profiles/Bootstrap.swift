import JSON

/// What a new tenant's file starts with (origin 3 "Bootstrap content", `gateway.md §7`).
package enum Bootstrap {
    /// The registry `default` with the profiles `agent` and `default`, all at version 1.
    package static func content(_ stamp: ChangeStamp) -> RegistryDocument {
        var registry = Registry(slug: .default, defaultProfileSlug: .default)
        registry.metadata.touch(stamp)
        return RegistryDocument(registry: registry, profiles: [agent(stamp), standard(stamp)])
    }

    private static func standard(_ stamp: ChangeStamp) -> Profile {
        var profile = Profile(
            slug: .default, runtime: RuntimeSpec(systemPrompt: .set("You are an assistant")),
            policy: OverridePolicy(allowOverrides: false, onDenied: .ignore))
        profile.metadata.touch(stamp)
        return profile
    }

    private static func agent(_ stamp: ChangeStamp) -> Profile {
        var profile = Profile(
            slug: ProfileSlug(normalised: "agent"),
            runtime: RuntimeSpec(
                systemPrompt: .set("You are a helpful assistant. Be concise."),
                middlewares: .set([MiddlewareUse(name: "agentmode", id: "default")])),
            policy: OverridePolicy(allowOverrides: true, onDenied: .ignore),
            extensions: [
                "middleware.agentmode_config@v1": [
                    "instances": ["id:default": ["default_mode": "financial_analyst"]]
                ]
            ])
        profile.metadata.touch(stamp)
        return profile
    }
}
