import ArgumentParser
import Gateway
import JSON

/// `profile-gateway chat`
struct Chat: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Send one prompt through a profile and print the answer.",
        discussion: """
            The prompt "-" is read from standard input.

            EXAMPLES:
              profile-gateway chat "Say hello"
              profile-gateway chat "Say hello" --profile agent --stream
              git diff | profile-gateway chat - --profile shared/reviewer --format json | jq -r .output
            """)

    static var callsUpstreams: Bool { true }

    @OptionGroup var client: ClientOptions

    @Argument(help: ArgumentHelp("The prompt; - for standard input.", valueName: "prompt"))
    var prompt: String

    @Option(
        name: .long, help: ArgumentHelp("slug or registry/slug. Default: the registry's default", valueName: "profile"))
    var profile: String?

    @Option(name: .long, help: ArgumentHelp("The profile's registry. Default: default", valueName: "slug"))
    var registry: String?

    @Flag(name: .long, help: "Print the answer as it comes.")
    var stream = false

    @OptionGroup var overriding: OverrideOptions

    @Option(name: .long, help: "table (the answer's text), json or yaml; with --stream json is one event per line.")
    var format: OutputFormat = .table

    func validate() throws {
        if stream, format == .yaml { throw ValidationError("--stream goes with --format table or json") }
    }

    func run(on gateway: GatewayClient) async throws {
        var request = ClientRequest(.post, ["chat"], body: JSONValue.object(try body()).encoded())
        guard stream else {
            let document = try await gateway.send(request).value()
            format.print(document) { Terminal.printable(document.text("output")) }
            return
        }
        request.headers.append(("Accept", "text/event-stream"))
        var printer = TurnPrinter(format: format)
        try await gateway.events(request) { data throws(ClientFailure) in try printer.take(data) }
        try printer.finish()
    }

    private static func standardInput() throws(ClientFailure) -> String {
        guard let text = String(validating: try Descriptor.read(path: "-"), as: UTF8.self) else {
            throw ClientFailure(.failed, "standard input is no UTF-8 text")
        }
        return text
    }

    private func body() throws -> JSONObject {
        var body: JSONObject = ["prompt": .string(prompt == "-" ? try Self.standardInput() : prompt)]
        let parts = (profile ?? "").split(separator: "/", maxSplits: 1).map(String.init)
        if parts.count == 2 {
            (body["registry"], body["profile"]) = (.string(parts[0]), .string(parts[1]))
        } else if let profile {
            body["profile"] = .string(profile)
        }
        if let registry { body["registry"] = .string(registry) }
        if stream { body["stream"] = true }
        if let overrides = try overriding.document() { body["overrides"] = .object(overrides) }
        if let variables = try overriding.variableValues() { body["variables"] = .object(variables) }
        return body
    }
}

/// Prints a turn's events as they come.
private struct TurnPrinter {
    let format: OutputFormat
    private var isComplete = false
    private var endsInNewline = true

    init(format: OutputFormat) {
        self.format = format
    }

    mutating func take(_ data: String) throws(ClientFailure) {
        guard let event = try? JSONValue(parsing: data) else {
            throw ClientFailure(.failed, "the answer has an event that is no JSON")
        }
        if format == .json { Output.line(data) }
        switch event["type"]?.stringValue {
        case "turn.delta" where format != .json:
            let text = Terminal.printable(event.text("delta"))
            Output.text(text)
            if let last = text.last { endsInNewline = last == "\n" }
        case "turn.completed": isComplete = true
        case "turn.failed":
            let problem = event["error"]?.objectValue
            endLine()
            throw ClientFailure(.failed, problem?["message"]?.stringValue ?? "the answer failed", problem: problem)
        default: break
        }
    }

    mutating func finish() throws(ClientFailure) {
        endLine()
        guard isComplete else { throw ClientFailure(.failed, "the answer broke off before its end") }
    }

    private mutating func endLine() {
        if !endsInNewline { Output.text("\n") }
        endsInNewline = true
    }
}
