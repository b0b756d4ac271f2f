import Bundles
import GatewayTestSupport
import JSON
import Profiles
import Testing

@Suite struct SpoiledTests {
    private static let document = """
        # a bundle
        registries:
          team: &team
            slug: team
            default_profile_slug: a
            metadata: {tags: [x, "y"]}
            profiles:
              a: {runtime: {system_prompt: |
                     x, tools: [1, 2]}, policy: {allow_overrides: true, limits: {ai-chat.ai-temperature: {max: 1.0}}}}
              b:
                stack: [{profile_slug: a}]
                extensions: {vendor.x@v1: [1, {a: ~}], app.y@v2: 'it''s'}
                runtime:
                  middlewares:
                    - {name: agentmode, id: one, config: {default_mode: chat}}
                  step_settings_patch: {ai-chat: {ai-stop: ["\\u00e9", "\\n"]}}
          other: {profiles: {c: {}}}
        """

    @Test func `30,000 spoiled documents are read or refused, and never end the process`() throws {
        var random = SeededRandom(seed: 4711)
        let good = Array(Self.document.utf8)
        let pieces = [
            "&a", "*a", "<<:", "- ", "[", "]", "{", "}", ":", "\n", "\n  ", "'", "\"", "|", ">", "!!int ", "? ", "---",
            "\t", "\0", "#", "null", "\u{FEFF}",
        ]
        var outcomes = (read: 0, problems: 0, refused: 0)
        for _ in 0..<30_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...30, using: &random)))
                case 2:
                    bytes.insert(contentsOf: Array(pieces.randomElement(using: &random)?.utf8 ?? "".utf8), at: place)
                case 3: bytes.removeSubrange(place...)
                default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 40)], at: place)
                }
                if bytes.isEmpty { bytes = [UInt8(ascii: "a")] }
            }
            let bundle: Bundle
            do { bundle = try BundleReader().read(bytes, as: .yaml) } catch {
                outcomes.refused += 1
                continue
            }
            for problem in bundle.problems { #expect(problem.line != nil || problem.path.isEmpty) }
            if bundle.problems.isEmpty { outcomes.read += 1 } else { outcomes.problems += 1 }
            guard bundle.problems.isEmpty, !bundle.documents.isEmpty else { continue }
            // What was read can be written and read again.
            let text = BundleWriter.encode(BundleWriter.bundle(of: bundle.documents), as: .yaml)
            #expect(try BundleReader().read(text, as: .yaml).documents == bundle.documents)
        }
        #expect(outcomes.read > 100 && outcomes.problems > 100 && outcomes.refused > 100, "\(outcomes)")
    }
}
