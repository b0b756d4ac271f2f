import ArgumentParser

/// `profile-gateway serve`
struct Serve: ParsableCommand, ServerCommandLine {
    static let configuration = CommandConfiguration(
        abstract: "Serve the profile API and chat until SIGTERM or SIGINT.",
        discussion: """
            Without a configuration it listens on 127.0.0.1:8080, keeps its files in ./data, answers as tenant
            "default" and has the built-in echo upstream. SIGHUP reads the configuration again.

            Every setting can come from a flag, from the environment (PROFILE_GATEWAY_<SETTING>) or from the
            configuration file, in this order; `config show` tells which one did.

            EXAMPLES:
              profile-gateway serve
              profile-gateway serve --config /etc/profile-gateway/gateway.yaml
              PROFILE_GATEWAY_OPERATOR_KEY=… profile-gateway serve --listen 0.0.0.0:8080 --data-dir /var/lib/gateway
            """)

    @OptionGroup var options: ConfigurationOptions
}
