import Testing

@testable import Gateway

/// Times that come again and again, in UTC.
@Suite struct CronScheduleTests {
    /// 2026-02-23 22:00:30 UTC, a Monday.
    private static let now: Int64 = 1_771_884_030_000
    private static let minute: Int64 = 60_000
    private static let day: Int64 = 1440 * minute

    @Test(arguments: [
        ("* * * * *", "2026-02-23 22:01"), ("0 3 * * *", "2026-02-24 03:00"), ("0 22 * * *", "2026-02-24 22:00"),
        ("*/15 * * * *", "2026-02-23 22:15"), ("5-10/5 * * * *", "2026-02-23 22:05"),
        ("30/10 * * * *", "2026-02-23 22:30"),
        ("0 0 1 * *", "2026-03-01 00:00"), ("0 0 29 2 *", "2028-02-29 00:00"), ("0 0 31 * *", "2026-03-31 00:00"),
        ("0 4 * * 0", "2026-03-01 04:00"), ("0 4 * * 7", "2026-03-01 04:00"), ("0 4 * * 1-5", "2026-02-24 04:00"),
        ("0 4 1 * 5", "2026-02-27 04:00"), ("0 4 */2 * 5", "2026-02-27 04:00"), ("59 23 31 12 *", "2026-12-31 23:59"),
        ("0,30 8-18/5 * * *", "2026-02-24 08:00"), ("0 0 1 1 *", "2027-01-01 00:00"),
    ])
    func `the next time is found`(text: String, expected: String) throws {
        let next = try #require(try CronSchedule(parsing: text).next(afterMs: Self.now))
        #expect(Self.shown(next) == expected)
    }

    @Test func `the last time is the one that has come, and the next after it is the next`() throws {
        for text in ["0 3 * * *", "*/7 1-5 * 2,3 1", "0 0 29 2 *", "13 4 13 * 5", "* * * * *"] {
            let schedule = try CronSchedule(parsing: text)
            for step in 0..<40 {
                let time = Self.now + Int64(step) * 7_654_321_000
                let previous = try #require(schedule.previous(byMs: time))
                let next = try #require(schedule.next(afterMs: time))
                #expect(previous <= time && time < next)
                #expect(schedule.next(afterMs: previous) == next)
                #expect(schedule.previous(byMs: next) == next)
            }
        }
    }

    @Test func `a day has twenty-four hours, whatever the clocks do`() throws {
        let schedule = try CronSchedule(parsing: "30 2 * * *")
        // 2026-03-29 and 2026-10-25 change the clocks in Europe.
        var time = Self.now
        for _ in 0..<400 {
            let next = try #require(schedule.next(afterMs: time))
            if time != Self.now { #expect(next - time == Self.day) }
            time = next
        }
    }

    @Test func `every minute of four years is due as the fields say`() throws {
        let schedule = try CronSchedule(parsing: "0 12 * * *")
        var time: Int64 = -Self.day
        for number in 0..<1461 {
            time = try #require(schedule.next(afterMs: time))
            #expect(time == Int64(number) * Self.day - Self.day / 2)
        }
    }

    @Test(arguments: [
        ("", "five fields"), ("0 3 * *", "five fields"), ("0 3 * * * *", "five fields"), ("@daily", "five fields"),
        ("60 3 * * *", "no minute"), ("0 24 * * *", "no hour"), ("0 0 0 * *", "no day of month"),
        ("0 0 * 13 *", "no month"), ("0 0 * * 8", "no day of week"), ("5-1 * * * *", "no minute"),
        ("*/0 * * * *", "no minute"), ("a * * * *", "no minute"), ("1, * * * *", "no minute"),
        ("-1 * * * *", "no minute"),
        ("0 0 31 2 *", "never comes"), ("0 0 30 2 *", "never comes"), ("1/2/3 * * * *", "no minute"),
    ])
    func `what is no schedule is refused with the field that is wrong`(text: String, phrase: String) {
        let error = #expect(throws: InvalidSetting.self) { try CronSchedule(parsing: text) }
        #expect(error?.reason.contains(phrase) == true, "\(String(describing: error))")
    }

    @Test func `what must be there by now is what was due before the jitter and some grace`() throws {
        var plan = GatewayConfiguration.BackupConfiguration()
        #expect(BackupScheduler.overdueBefore(Self.now, plan) == nil)
        plan.schedule = try CronSchedule(parsing: "0 22 * * *")
        plan.jitter = .seconds(600)
        let due = try #require(plan.schedule?.previous(byMs: Self.now))
        #expect(BackupScheduler.overdueBefore(due + 19 * Self.minute, plan) == due - Self.day)
        #expect(BackupScheduler.overdueBefore(due + 20 * Self.minute, plan) == due)
    }

    private static func shown(_ ms: Int64) -> String {
        var days = ms / day
        let minutes = ms % day / minute
        var year: Int64 = 1970
        func length(_ year: Int64) -> Int64 { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 366 : 365 }
        while days >= length(year) {
            days -= length(year)
            year += 1
        }
        var month = 0
        let lengths: [Int64] = [31, length(year) - 337, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        while days >= lengths[month] {
            days -= lengths[month]
            month += 1
        }
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(year)-\(two(Int64(month) + 1))-\(two(days + 1)) \(two(minutes / 60)):\(two(minutes % 60))"
    }
}
