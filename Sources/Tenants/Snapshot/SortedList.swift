/// Something with the key it is sorted by; keys are slugs, so bytes compare as strings do.
protocol SortedByKey: AnyObject, Sendable {
    var key: String { get }
    /// About what it occupies in memory, in bytes.
    var weight: Int { get }
}

/// An ordered collection of objects by unique key that shares structure between its copies.
///
/// Kept in chunks of at most `chunkLimit`: a change copies one chunk and the list of chunks, never all elements, so a
/// PATCH costs the same among 10 and 10,000 profiles. Looking up is two binary searches; paging in order is free; it
/// costs 8 bytes per element.
struct SortedList<Element: SortedByKey>: Sendable {
    private static var chunkLimit: Int { 128 }

    private var chunks: [[Element]] = []
    private(set) var count = 0
    /// The sum of the elements' weights, kept as they change.
    private(set) var weight = 0

    init() {}

    /// Takes elements that already are in key order.
    init(sorted elements: [Element]) {
        count = elements.count
        weight = elements.reduce(0) { $0 + $1.weight }
        chunks = stride(from: 0, to: elements.count, by: Self.chunkLimit / 2).map { start in
            Array(elements[start..<Swift.min(start + Self.chunkLimit / 2, elements.count)])
        }
    }

    var isEmpty: Bool { count == 0 }

    subscript(key: String) -> Element? {
        guard let place = place(of: key), place.isPresent else { return nil }
        return chunks[place.chunk][place.index]
    }

    /// Adds the element, or replaces the one with its key.
    mutating func put(_ element: Element) {
        weight += element.weight
        guard let place = place(of: element.key) else {
            chunks = [[element]]
            count = 1
            return
        }
        if place.isPresent {
            weight -= chunks[place.chunk][place.index].weight
            chunks[place.chunk][place.index] = element
            return
        }
        chunks[place.chunk].insert(element, at: place.index)
        count += 1
        if chunks[place.chunk].count > Self.chunkLimit {
            let middle = Self.chunkLimit / 2
            let upper = Array(chunks[place.chunk][middle...])
            chunks[place.chunk].removeSubrange(middle...)
            chunks.insert(upper, at: place.chunk + 1)
        }
    }

    /// Removes the element with the key; nothing happens when there is none.
    mutating func remove(_ key: String) {
        guard let place = place(of: key), place.isPresent else { return }
        weight -= chunks[place.chunk].remove(at: place.index).weight
        count -= 1
        if chunks[place.chunk].isEmpty { chunks.remove(at: place.chunk) }
    }

    /// Up to `limit` elements in order, beginning behind `key`, which need not exist.
    func page(after key: String?, limit: Int) -> [Element] {
        var result: [Element] = []
        var chunk = 0
        var index = 0
        if let key, let place = place(of: key) {
            (chunk, index) = (place.chunk, place.isPresent ? place.index + 1 : place.index)
        }
        while chunk < chunks.count && result.count < limit {
            let rest = chunks[chunk][index...]
            result.append(contentsOf: rest.prefix(limit - result.count))
            chunk += 1
            index = 0
        }
        return result
    }

    private struct Place {
        let chunk: Int
        let index: Int
        let isPresent: Bool
    }

    /// Where the key is or belongs; nil when the list is empty.
    private func place(of key: String) -> Place? {
        guard !chunks.isEmpty else { return nil }
        // The chunk before the first one that begins behind the key; chunks are never empty.
        let chunk = Swift.max(0, chunks.partitioningIndex { key < $0[0].key } - 1)
        let index = chunks[chunk].partitioningIndex { !($0.key < key) }
        let isPresent = index < chunks[chunk].count && chunks[chunk][index].key == key
        return Place(chunk: chunk, index: index, isPresent: isPresent)
    }
}

extension SortedList: Sequence {
    func makeIterator() -> FlattenSequence<[[Element]]>.Iterator { chunks.joined().makeIterator() }
}
