// The bytes of one log line. Written without Foundation: this runs once per request.

internal import Glibc
package import Logging

/// One event on its way to being bytes.
package struct LogLine: Sendable {
    /// Wall clock, in microseconds since 1970.
    package struct Time: Sendable {
        package let microseconds: Int64

        package init(microseconds: Int64) {
            self.microseconds = microseconds
        }

        package static func now() -> Time {
            var now = timespec()
            clock_gettime(CLOCK_REALTIME, &now)
            return Time(microseconds: Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000)
        }
    }

    package let time: Time
    package let level: LogLevel
    package let message: String
    package let metadata: Logger.Metadata

    package init(time: Time, level: LogLevel, message: String, metadata: Logger.Metadata) {
        self.time = time
        self.level = level
        self.message = message
        self.metadata = metadata
    }

    /// Keys whose value is never written, whoever put it there.
    private static let hiddenKeys: Set<String> = [
        "authorization", "cookie", "set-cookie", "api_key", "x-api-key", "operator_key", "password", "secret", "token",
    ]

    /// `{"time":"…","level":"info","message":"…","tenant":"acme",…}` and a line end; keys in order of their names.
    package func json() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        bytes += #"{"time":""#.utf8
        bytes += time.text.utf8
        bytes += #"","level":""#.utf8
        bytes += level.rawValue.utf8
        bytes += #"","message":"#.utf8
        Self.appendQuoted(message, to: &bytes)
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            bytes.append(UInt8(ascii: ","))
            let isReserved = key == "time" || key == "level" || key == "message"
            Self.appendQuoted(isReserved ? "meta.\(key)" : key, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            Self.append(Self.hides(key) ? .string("***") : value, to: &bytes)
        }
        bytes += "}\n".utf8
        return bytes
    }

    /// `2026-11-23T08:00:00.000000Z warning  message  tenant=acme status=404` and a line end.
    package func text() -> [UInt8] {
        var bytes = Array(time.text.utf8)
        bytes.append(UInt8(ascii: " "))
        bytes += level.rawValue.utf8
        bytes += repeatElement(UInt8(ascii: " "), count: max(1, 9 - level.rawValue.utf8.count))
        Self.appendPlain(message, to: &bytes)
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            bytes.append(UInt8(ascii: " "))
            Self.appendPlain(key, to: &bytes)
            bytes.append(UInt8(ascii: "="))
            let shown = Self.hides(key) ? "***" : "\(value)"
            let isBare = !shown.isEmpty && shown.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x7F }
            if isBare {
                Self.appendPlain(shown, to: &bytes)
            } else {
                Self.appendQuoted(shown, to: &bytes)
            }
        }
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    private static func hides(_ key: String) -> Bool {
        hiddenKeys.contains(key.lowercased())
    }

    private static func append(_ value: Logger.MetadataValue, to bytes: inout [UInt8]) {
        switch value {
        case .string(let text):
            Self.appendQuoted(text, to: &bytes)
        case .stringConvertible(let convertible):
            switch convertible {
            case let number as any FixedWidthInteger: bytes += "\(number)".utf8
            case let flag as Bool: bytes += (flag ? "true" : "false").utf8
            case let number as Double where number.isFinite: bytes += "\(number)".utf8
            default: Self.appendQuoted("\(convertible)", to: &bytes)
            }
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                append(element, to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .dictionary(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.appendQuoted(member.key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                append(hides(member.key) ? .string("***") : member.value, to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// A JSON string in which whatever `isHazardous` is written as `\u009b`.
    private static func appendQuoted(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        appendPlain(text, to: &bytes, quoted: true)
        bytes.append(UInt8(ascii: "\""))
    }

    private static func appendPlain(_ text: String, to bytes: inout [UInt8], quoted: Bool = false) {
        for scalar in text.unicodeScalars {
            if isHazardous(scalar) {
                let digits = String(scalar.value, radix: 16)
                bytes += "\\u".utf8
                bytes += repeatElement(UInt8(ascii: "0"), count: max(0, 4 - digits.utf8.count))
                bytes += digits.utf8
            } else {
                if quoted, scalar == "\"" || scalar == "\\" { bytes.append(UInt8(ascii: "\\")) }
                bytes += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
            }
        }
    }

    /// Whether a character could begin a new line or command a terminal: the C0 and C1 controls, DEL, and the
    /// separators and direction marks of Unicode.
    private static func isHazardous(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}

extension LogLine.Time {
    /// `2026-11-23T08:00:00.000000Z`
    package var text: String {
        let day = microseconds.quotientFloor(86_400_000_000)
        let ofDay = microseconds - day * 86_400_000_000
        // Days to civil date, after Howard Hinnant's `civil_from_days`.
        let shifted = day + 719_468
        let era = shifted.quotientFloor(146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let seconds = ofDay / 1_000_000
        return "\(Self.digits(year, 4))-\(Self.digits(month, 2))-\(Self.digits(dayOfMonth, 2))"
            + "T\(Self.digits(seconds / 3600, 2)):\(Self.digits(seconds / 60 % 60, 2)):\(Self.digits(seconds % 60, 2))"
            + ".\(Self.digits(ofDay % 1_000_000, 6))Z"
    }

    private static func digits(_ number: Int64, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}

extension Int64 {
    /// Division that rounds down, also for numbers below zero.
    fileprivate func quotientFloor(_ divisor: Int64) -> Int64 {
        self / divisor - (self % divisor < 0 ? 1 : 0)
    }
}
