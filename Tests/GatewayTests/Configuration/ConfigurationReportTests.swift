import Gateway
import JSON
import Testing

@Suite struct ConfigurationReportTests {
    private static let yaml = """
        listen: [127.0.0.1:9, "unix:/tmp/x"]
        trusted_proxies: [10.0.0.0/8]
        upstreams:
          a.b: {api: openai, base_url: "http://127.0.0.1:1/v1", timeouts: {idle: 1500ms}}
          echo: {api: echo}
        step_settings: {ai-chat: {ai-engine: "yes", ai-stop: ["a", "b"]}}
        tools: {t: {description: "say \\"hi\\" # not a comment"}}
        tenants: {acme: {model_aliases: {"gpt-4.1": default/agent}}}
        """

    @Test func `the YAML form is a configuration that means the same`() throws {
        let first = try load(Self.yaml)
        let again = try load(first.report.yaml())
        #expect(again.report.rows.map(\.key) == first.report.rows.map(\.key))
        #expect(again.report.rows.map(\.value) == first.report.rows.map(\.value))
    }

    @Test func `the JSON form has key, value and source of every setting`() throws {
        let report = try load(Self.yaml).report
        let rows = try #require(try JSONValue(parsing: report.json()).arrayValue)
        #expect(rows.count == report.rows.count)
        #expect(rows.first?["key"] == "listen")
        #expect(rows.first?["value"] == ["127.0.0.1:9", "unix:/tmp/x"])
        #expect(rows.first?["source"] == "config/gateway.yaml:1:9")
    }

    @Test func `the table is aligned`() throws {
        let lines = try load().report.table().split(separator: "\n")
        #expect(lines[0] == "KEY                         VALUE           SOURCE")
        #expect(lines[1] == "listen                      127.0.0.1:8080  default")
    }
}
