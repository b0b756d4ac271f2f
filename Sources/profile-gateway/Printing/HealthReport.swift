import JSON

/// Checks with their findings: ✓ well, ! look at it, ✗ not well; and what to do about each.
struct HealthReport {
    private let checks: [JSONValue]

    /// - Parameter checks: objects with `id`, `status` (`ok`, `warning`, `failed`), `found` and `advice`.
    init(_ checks: JSONValue?) {
        self.checks = checks?.arrayValue ?? []
    }

    func count(_ status: String) -> Int { checks.count { $0["status"]?.stringValue == status } }

    var isFailed: Bool { count("failed") > 0 }

    /// - Parameter onlyProblems: leaves out what is well.
    func lines(onlyProblems: Bool = false) -> [String] {
        let shown = checks.filter { !onlyProblems || $0["status"]?.stringValue != "ok" }
        let width = min(28, shown.map { $0.text("id").count }.max() ?? 0)
        return shown.flatMap { check -> [String] in
            let id = check.text("id")
            let gap = String(repeating: " ", count: max(0, width - id.count) + 2)
            let found = Terminal.printable(check.text("found")).replacing("\n", with: "\n    ")
            let advice = Terminal.printable(check.text("advice"))
            return ["\(Self.mark(check)) \(id)\(gap)\(found)"] + (advice.isEmpty ? [] : ["    → \(advice)"])
        }
    }

    private static func mark(_ check: JSONValue) -> String {
        switch check["status"]?.stringValue {
        case "ok": Style.good("✓")
        case "warning": Style.warning("!")
        default: Style.bad("✗")
        }
    }
}
