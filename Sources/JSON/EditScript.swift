/// The shortest way from one sequence to another by removing and inserting (Myers 1986, greedy).
///
/// Time and memory grow with the square of the distance, so it is bounded: between sequences that share next to
/// nothing, everything that is not a common beginning or end is removed and inserted.
enum EditScript {
    enum Step: Equatable {
        case keep(old: Int, new: Int)
        case remove(old: Int)
        case insert(new: Int)
    }

    /// Steps in the order of both sequences, removals before insertions where nothing is kept between them.
    ///
    /// - Parameter maximumDistance: steps other than `keep` beyond which the answer is no longer the shortest.
    static func steps<Element: Hashable>(
        from old: [Element], to new: [Element], maximumDistance: Int = 1024
    ) -> [Step] {
        var budget = Int.max
        return steps(from: old, to: new, maximumDistance: maximumDistance, budget: &budget)
    }

    /// The same for one of many comparisons, which share a budget.
    ///
    /// - Parameter budget: elements that may still be compared; below zero afterwards when the answer is, for want of
    ///   it, not the shortest.
    static func steps<Element: Hashable>(
        from old: [Element], to new: [Element], maximumDistance: Int = 1024, budget: inout Int
    ) -> [Step] {
        let (left, right) = numbered(old, new)
        var start = 0
        while start < left.count, start < right.count, left[start] == right[start] { start += 1 }
        var (leftEnd, rightEnd) = (left.count, right.count)
        while leftEnd > start, rightEnd > start, left[leftEnd - 1] == right[rightEnd - 1] {
            leftEnd -= 1
            rightEnd -= 1
        }
        var steps = (0..<start).map { Step.keep(old: $0, new: $0) }
        steps += middle(left[start..<leftEnd], right[start..<rightEnd], maximumDistance, &budget)
        steps += zip(leftEnd..<left.count, rightEnd..<right.count).map { Step.keep(old: $0, new: $1) }
        return ordered(steps)
    }

    /// Equal elements as equal numbers: each is hashed once and compared often.
    private static func numbered<Element: Hashable>(_ old: [Element], _ new: [Element]) -> ([Int], [Int]) {
        var numbers: [Element: Int] = [:]
        func number(_ element: Element) -> Int {
            if let known = numbers[element] { return known }
            numbers[element] = numbers.count
            return numbers.count - 1
        }
        return (old.map(number), new.map(number))
    }

    private static func middle(
        _ old: ArraySlice<Int>, _ new: ArraySlice<Int>, _ maximumDistance: Int, _ budget: inout Int
    ) -> [Step] {
        func replacingAll() -> [Step] { old.indices.map(Step.remove) + new.indices.map(Step.insert) }
        guard !old.isEmpty, !new.isEmpty, abs(old.count - new.count) <= maximumDistance else { return replacingAll() }
        let bound = min(old.count + new.count, maximumDistance)
        // How far the best way with `distance` steps gets on each diagonal (old minus new), shifted to start at 0.
        var reach = [Int](repeating: 0, count: 2 * bound + 3)
        var traces: [[Int]] = []
        for distance in 0...bound {
            guard budget >= 0 else { return replacingAll() }
            traces.append(Array(reach[(bound - distance)...(bound + distance + 2)]))
            for diagonal in stride(from: -distance, through: distance, by: 2) {
                let slot = bound + 1 + diagonal
                let insertsLast =
                    diagonal == -distance || diagonal != distance && reach[slot - 1] < reach[slot + 1]
                let start = insertsLast ? reach[slot + 1] : reach[slot - 1] + 1
                var x = start
                while x < old.count, x - diagonal < new.count,
                    old[old.startIndex + x] == new[new.startIndex + x - diagonal]
                { x += 1 }
                reach[slot] = x
                budget -= x - start + 1
                if x >= old.count, x - diagonal >= new.count { return way(traces, old, new) }
            }
        }
        return replacingAll()
    }

    /// Goes back from the end through what each distance had reached.
    private static func way(_ traces: [[Int]], _ old: ArraySlice<Int>, _ new: ArraySlice<Int>) -> [Step] {
        var steps: [Step] = []
        var (x, y) = (old.count, new.count)
        func keepDown(to lower: (x: Int, y: Int)) {
            while x > lower.x, y > lower.y {
                x -= 1
                y -= 1
                steps.append(.keep(old: old.startIndex + x, new: new.startIndex + y))
            }
        }
        for distance in traces.indices.dropFirst().reversed() {
            let reach = traces[distance]
            let slot = distance + 1 + (x - y)
            let diagonal = x - y
            let insertsLast = diagonal == -distance || diagonal != distance && reach[slot - 1] < reach[slot + 1]
            let before = insertsLast ? reach[slot + 1] : reach[slot - 1]
            let beforeY = before - (insertsLast ? diagonal + 1 : diagonal - 1)
            keepDown(to: insertsLast ? (before, beforeY + 1) : (before + 1, beforeY))
            if insertsLast {
                y -= 1
                steps.append(.insert(new: new.startIndex + y))
            } else {
                x -= 1
                steps.append(.remove(old: old.startIndex + x))
            }
        }
        keepDown(to: (0, 0))
        return steps.reversed()
    }

    /// The same steps with the removals of each changed place before its insertions.
    private static func ordered(_ steps: [Step]) -> [Step] {
        var result: [Step] = []
        var inserted: [Step] = []
        for step in steps {
            switch step {
            case .keep:
                result += inserted
                inserted.removeAll()
                result.append(step)
            case .remove: result.append(step)
            case .insert: inserted.append(step)
            }
        }
        return result + inserted
    }
}
