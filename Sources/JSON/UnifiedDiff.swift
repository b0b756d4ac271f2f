/// The differences of two texts as `diff -u` writes them.
package enum UnifiedDiff {
    /// Hunks with their header; empty when the texts are equal. Lines end with a line feed; a last one without it
    /// counts as a line that has one. Compared by bytes.
    ///
    /// - Parameter context: how many unchanged lines stand around each change.
    package static func text(
        from old: [UInt8], named oldName: String, to new: [UInt8], named newName: String, context: Int = 3
    ) -> String {
        let (old, new) = (lines(of: old), lines(of: new))
        let steps = EditScript.steps(from: old, to: new)
        var bytes: [UInt8] = []
        var (end, before) = (0, (old: 0, new: 0))
        for range in hunks(of: steps, context: context) {
            if bytes.isEmpty { bytes += Array("--- \(oldName)\n+++ \(newName)\n".utf8) }
            let between = counts(steps[end..<range.lowerBound])
            let hunk = counts(steps[range])
            before = (before.old + between.old, before.new + between.new)
            bytes += header(of: hunk, after: before)
            before = (before.old + hunk.old, before.new + hunk.new)
            end = range.upperBound
            for step in steps[range] {
                switch step {
                case .keep(let index, _): append(" ", old[index], to: &bytes)
                case .remove(let index): append("-", old[index], to: &bytes)
                case .insert(let index): append("+", new[index], to: &bytes)
                }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func lines(of text: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    private static func append(_ sign: Unicode.Scalar, _ line: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: sign))
        bytes += line
        bytes.append(UInt8(ascii: "\n"))
    }

    /// The stretches of steps that are shown: changes, what stands around them, and nothing twice.
    private static func hunks(of steps: [EditScript.Step], context: Int) -> [Range<Int>] {
        var hunks: [Range<Int>] = []
        for (index, step) in steps.enumerated() {
            if case .keep = step { continue }
            let range = max(0, index - context)..<min(steps.count, index + context + 1)
            if let last = hunks.last, last.upperBound >= range.lowerBound {
                hunks[hunks.count - 1] = last.lowerBound..<range.upperBound
            } else {
                hunks.append(range)
            }
        }
        return hunks
    }

    private static func header(of hunk: (old: Int, new: Int), after before: (old: Int, new: Int)) -> [UInt8] {
        // An empty side is named by the line before it.
        func side(_ start: Int, _ count: Int) -> String {
            count == 1 ? "\(start + 1)" : "\(count == 0 ? start : start + 1),\(count)"
        }
        return Array("@@ -\(side(before.old, hunk.old)) +\(side(before.new, hunk.new)) @@\n".utf8)
    }

    private static func counts(_ steps: ArraySlice<EditScript.Step>) -> (old: Int, new: Int) {
        var (old, new) = (0, 0)
        for step in steps {
            switch step {
            case .keep: (old, new) = (old + 1, new + 1)
            case .remove: old += 1
            case .insert: new += 1
            }
        }
        return (old, new)
    }
}
