// When something happens again and again, in the five fields of crontab(5). Always UTC: an hour that summer time leaves
// out or repeats would mean a backup that is missing or taken twice.

/// Minutes at which something is due: `minute hour day-of-month month day-of-week`.
package struct CronSchedule: Sendable, Equatable {
    /// As written.
    package let text: String
    private let minutes: Set<Int>
    private let hours: Set<Int>
    private let daysOfMonth: Set<Int>
    private let months: Set<Int>
    /// 0 is Sunday.
    private let daysOfWeek: Set<Int>
    /// When both kinds of day are restricted, either suffices (crontab(5)).
    private let eitherDay: Bool

    /// Reads `*`, numbers, ranges `1-5`, steps `*/15` and `8-18/2`, and lists of these; 7 is Sunday too.
    package init(parsing text: String) throws(InvalidSetting) {
        let fields = text.split(whereSeparator: { $0 == " " || $0 == "\t" })
        guard fields.count == 5 else {
            throw InvalidSetting(
                "must have five fields (minute hour day month weekday), such as \"0 3 * * *\", not `\(text)`")
        }
        self.text = fields.joined(separator: " ")
        minutes = try Self.values(fields[0], "minute", 0...59)
        hours = try Self.values(fields[1], "hour", 0...23)
        daysOfMonth = try Self.values(fields[2], "day of month", 1...31)
        months = try Self.values(fields[3], "month", 1...12)
        daysOfWeek = Set(try Self.values(fields[4], "day of week", 0...7).map { $0 % 7 })
        eitherDay = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
        guard next(afterMs: 0) != nil else { throw InvalidSetting("`\(text)` never comes: there is no such day") }
    }

    /// The first minute that begins after a time, in milliseconds since 1970; nil when there is none in eight years.
    package func next(afterMs time: Int64) -> Int64? {
        let minute = Self.floor(time, 60_000) + 1
        var day = Self.floor(minute, 1440)
        var first = Int(minute - day * 1440)
        // Eight years hold a 29 February, also around a year 2100 that has none.
        for _ in 0..<(366 * 8 + 2) {
            if isDue(day), let found = (first..<1440).first(where: isDueMinute) {
                return (day * 1440 + Int64(found)) * 60_000
            }
            first = 0
            day += 1
        }
        return nil
    }

    /// The last minute that has begun by a time; nil when there is none in the eight years before.
    package func previous(byMs time: Int64) -> Int64? {
        let minute = Self.floor(time, 60_000)
        var day = Self.floor(minute, 1440)
        var last = Int(minute - day * 1440)
        for _ in 0..<(366 * 8 + 2) {
            if isDue(day), let found = (0...last).last(where: isDueMinute) {
                return (day * 1440 + Int64(found)) * 60_000
            }
            last = 1439
            day -= 1
        }
        return nil
    }

    private func isDueMinute(_ minute: Int) -> Bool { minutes.contains(minute % 60) && hours.contains(minute / 60) }

    private func isDue(_ day: Int64) -> Bool {
        let (month, dayOfMonth) = Self.date(day)
        guard months.contains(month) else { return false }
        // 1 January 1970 was a Thursday.
        let isWeekday = daysOfWeek.contains(Int((day % 7 + 7 + 4) % 7))
        let isDate = daysOfMonth.contains(dayOfMonth)
        return eitherDay ? isWeekday || isDate : isWeekday && isDate
    }

    /// Month and day of a number of days since 1970, in the Gregorian calendar.
    private static func date(_ days: Int64) -> (month: Int, day: Int) {
        // Years that begin in March have their odd day last; 400 of them are 146,097 days.
        let shifted = days + 719_468
        let era = floor(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        return (Int(month < 10 ? month + 3 : month - 9), Int(dayOfYear - (153 * month + 2) / 5 + 1))
    }

    private static func floor(_ value: Int64, _ unit: Int64) -> Int64 {
        value >= 0 ? value / unit : -((-value + unit - 1) / unit)
    }

    private static func values(
        _ field: Substring, _ name: String, _ range: ClosedRange<Int>
    ) throws(InvalidSetting) -> Set<Int> {
        var values: Set<Int> = []
        for item in field.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = item.split(separator: "/", omittingEmptySubsequences: false)
            guard (1...2).contains(parts.count), let bounds = bounds(parts[0], range, isStepped: parts.count == 2),
                let step = parts.count == 2 ? number(parts[1]) : 1, step > 0
            else {
                throw InvalidSetting(
                    "`\(item)` is no \(name): it must be *, a number from \(range.lowerBound) to \(range.upperBound), "
                        + "a range such as 1-5, or a step such as */15")
            }
            values.formUnion(stride(from: bounds.lowerBound, through: bounds.upperBound, by: step))
        }
        return values
    }

    private static func bounds(_ text: Substring, _ range: ClosedRange<Int>, isStepped: Bool) -> ClosedRange<Int>? {
        if text == "*" { return range }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard (1...2).contains(ends.count), let first = number(ends[0]), range.contains(first) else { return nil }
        guard ends.count == 2 else { return first...(isStepped ? range.upperBound : first) }
        guard let last = number(ends[1]), range.contains(last), first <= last else { return nil }
        return first...last
    }

    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } && text.utf8.count <= 4 ? Int(text) : nil
    }
}
