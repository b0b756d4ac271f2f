import GatewayTestSupport
import Testing

@testable import Middlewares

@Suite struct RestoringFilterTests {
    private let originals = [
        Array("[A_1]".utf8): Array("é€😀".utf8), Array("[A_12]".utf8): Array("[A_1]".utf8),
        Array("[LONG_NAME_3]".utf8): [],
    ]

    private func restored(_ pieces: [ArraySlice<UInt8>]) -> [UInt8] {
        var filter = RestoringFilter(originals, isJSON: false)
        var output: [UInt8] = []
        for piece in pieces { filter.push(Array(piece), into: &output) }
        filter.finish(into: &output)
        return output
    }

    /// Every placeholder of the table replaced, by looking at every position: slow and obvious.
    private func expected(_ text: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        var position = 0
        while position < text.count {
            if let (placeholder, original) = originals.first(where: { text[position...].starts(with: $0.key) }) {
                output += original
                position += placeholder.count
            } else {
                output.append(text[position])
                position += 1
            }
        }
        return output
    }

    @Test func `cut at any byte, also inside characters, the text is the same`() {
        var random = SeededRandom(seed: 5)
        let fragments = [
            "[A_1]", "[A_12]", "[A_123]", "[LONG_NAME_3]", "[LONG_NAME", "[", "]", "A_1]", "é", "😀", "_", "1", " ",
        ]
        for _ in 0..<5_000 {
            let text = Array(
                (0..<Int.random(in: 0...10, using: &random)).map { _ in fragments.randomElement(using: &random) ?? "" }
                    .joined().utf8)
            var cuts = [0, text.count]
            for _ in 0..<Int.random(in: 0...8, using: &random) {
                cuts.append(Int.random(in: 0...text.count, using: &random))
            }
            cuts.sort()
            #expect(restored(zip(cuts, cuts.dropFirst()).map { text[$0..<$1] }) == expected(text))
        }
        let text = Array("x[A_12][LONG_NAME_3]😀[A_1][A_".utf8)
        #expect(restored(text.indices.map { text[$0...$0] }) == expected(text))
    }

    @Test func `what is put back is not looked at again`() {
        #expect(restored([Array("[A_12]".utf8)[...]]) == Array("[A_1]".utf8))
    }

    @Test func `a mebibyte in pieces and at once ends soon`() {
        let text = Array(String(repeating: "[A_1[A_12]é", count: (1 << 20) / 12).utf8)
        let elapsed = ContinuousClock().measure {
            let whole = restored([text[...]])
            let pieces = stride(from: 0, to: text.count, by: 7).map { text[$0..<min($0 + 7, text.count)] }
            #expect(restored(pieces) == whole)
        }
        #expect(elapsed < .seconds(30))
    }
}
