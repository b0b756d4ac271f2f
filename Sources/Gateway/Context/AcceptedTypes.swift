internal import HTTPServer

/// What a client says in `Accept` (RFC 9110 §12.5.1): media types with their weights, in its order.
struct AcceptedTypes: Sendable {
    private var ranges: [(type: String, weight: Double)] = []

    init(_ headers: HeaderFields) {
        for header in headers.values("Accept") {
            for element in header.split(separator: ",") {
                let parts = element.split(separator: ";").map { String($0).trimmingBlanks.lowercased() }
                guard let type = parts.first, !type.isEmpty else { continue }
                // A weight that is none counts as not given.
                let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) }
                ranges.append((type, min(max(weight ?? 1, 0), 1)))
            }
        }
    }

    /// Whether this very type is asked for before all others: of the heaviest types it is the first.
    func prefers(_ type: String) -> Bool {
        guard let heaviest = ranges.map(\.weight).max(), heaviest > 0 else { return false }
        return ranges.first { $0.weight == heaviest }?.type == type
    }
}
