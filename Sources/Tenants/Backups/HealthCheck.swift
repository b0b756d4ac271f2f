package import JSON

/// One thing that was looked at: what was found, and what to do if it is not well.
package struct HealthCheck: Sendable, Equatable {
    package enum Status: String, Sendable, Comparable {
        case ok, warning, failed

        private var rank: Int {
            switch self {
            case .ok: 0
            case .warning: 1
            case .failed: 2
            }
        }

        package static func < (left: Status, right: Status) -> Bool { left.rank < right.rank }
    }

    /// A stable name, such as `file.integrity`.
    package let id: String
    package let status: Status
    package let found: String
    /// What to do about it; nil when there is nothing to do.
    package let advice: String?

    package init(_ id: String, _ status: Status, _ found: String, advice: String? = nil) {
        self.id = id
        self.status = status
        self.found = found
        self.advice = advice
    }

    package func document() -> JSONValue {
        [
            "id": .string(id), "status": .string(status.rawValue), "found": .string(found),
            "advice": advice.map { .string($0) } ?? .null,
        ]
    }
}

extension Sequence<HealthCheck> {
    /// The worst of them.
    package var status: HealthCheck.Status { map(\.status).max() ?? .ok }
}
