import Testing

@testable import Gateway

struct MetricsTextTests {
    @Test func `a family is its help, its kind and its samples`() {
        var metrics = MetricsText()
        metrics.add("backups_total", .counter, "How many.", [.init(3, ("outcome", "failure")), .init(40)])
        metrics.add("backup_age", .gauge, "How old.", [.init(-1, labels: [("a", "1"), ("b", "2")])])
        #expect(
            metrics.text == """
                # HELP backups_total How many.
                # TYPE backups_total counter
                backups_total{outcome="failure"} 3
                backups_total 40
                # HELP backup_age How old.
                # TYPE backup_age gauge
                backup_age{a="1",b="2"} -1

                """)
    }

    @Test func `what is special in a label is escaped`() {
        var metrics = MetricsText()
        metrics.add("m", .gauge, "h", [.init(1, ("l", "a\"b\\c\nd\r\u{301}"))])
        #expect(metrics.text.hasSuffix("m{l=\"a\\\"b\\\\c\\nd\r\u{301}\"} 1\n"))
    }

    @Test func `nothing is said of a family without samples`() {
        var metrics = MetricsText()
        metrics.add("m", .gauge, "h", [])
        #expect(metrics.text == "")
    }
}
