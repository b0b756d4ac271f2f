import OrderedCollections

/// The members of a JSON object in the order they were written, each key once.
///
/// Keys are compared by their UTF-8 bytes, so that two Unicode forms of one character are two keys, as RFC 8259
/// has it. Equality ignores the order.
package struct JSONObject: Sendable {
    private var storage: OrderedDictionary<MemberKey, JSONValue>

    package init() { storage = [:] }

    package init(minimumCapacity: Int) { storage = OrderedDictionary(minimumCapacity: minimumCapacity) }

    package var count: Int { storage.count }
    package var isEmpty: Bool { storage.isEmpty }

    package var keys: some RandomAccessCollection<String> { storage.keys.lazy.map(\.text) }

    /// The member's value; nil when there is none. Assigning nil removes, assigning to a new key appends.
    package subscript(key: String) -> JSONValue? {
        get { storage[MemberKey(text: key)] }
        set { storage[MemberKey(text: key)] = newValue }
    }

    /// The position of a member in the order of the object.
    package func position(of key: String) -> Int? { storage.index(forKey: MemberKey(text: key)) }

    /// The member at a position, which must be below `count`.
    package func member(at position: Int) -> (key: String, value: JSONValue) {
        (storage.keys[position].text, storage.values[position])
    }

    @discardableResult
    package mutating func removeValue(forKey key: String) -> JSONValue? {
        storage.removeValue(forKey: MemberKey(text: key))
    }

    /// Appends a member, unless the key is there already: then nothing changes and the answer is false.
    mutating func appendNew(_ key: String, _ value: JSONValue) -> Bool {
        let before = storage.count
        storage.updateValue(forKey: MemberKey(text: key), default: value) { _ in }
        return storage.count > before
    }

    /// The positions of the members in the order of the UTF-8 bytes of their keys; nil when they stand so already.
    func positionsByKey() -> [Int]? {
        let keys = storage.keys
        var isSorted = true
        for position in keys.indices.dropFirst() where !keys[position - 1].text.precedesByBytes(keys[position].text) {
            isSorted = false
            break
        }
        return isSorted ? nil : keys.indices.sorted { keys[$0].text.precedesByBytes(keys[$1].text) }
    }

    /// The same members, ordered by the UTF-8 bytes of their keys.
    package func sortedByKey() -> [(key: String, value: JSONValue)] {
        (positionsByKey() ?? Array(0..<count)).map(member(at:))
    }
}

extension JSONObject: Sequence {
    package struct Iterator: IteratorProtocol {
        fileprivate var base: OrderedDictionary<MemberKey, JSONValue>.Iterator

        package mutating func next() -> (key: String, value: JSONValue)? {
            base.next().map { (key: $0.key.text, value: $0.value) }
        }
    }

    package func makeIterator() -> Iterator { Iterator(base: storage.makeIterator()) }
}

extension JSONObject: Hashable {
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        for (key, value) in left.storage where right.storage[key] != value { return false }
        return true
    }

    package func hash(into hasher: inout Hasher) {
        // Order must not matter: combine the members' own hashes by a commutative operation.
        var mixed = 0
        for (key, value) in storage {
            var member = Hasher()
            member.combine(key)
            member.combine(value)
            mixed ^= member.finalize()
        }
        hasher.combine(mixed)
        hasher.combine(count)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// Members in the order written; of two equal keys the later one wins.
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(minimumCapacity: elements.count)
        for (key, value) in elements { self[key] = value }
    }
}

/// A key of an object, equal to another one when their UTF-8 bytes are.
struct MemberKey: Hashable, Sendable {
    let text: String

    static func == (left: MemberKey, right: MemberKey) -> Bool { left.text.hasSameBytes(as: right.text) }
    func hash(into hasher: inout Hasher) { text.hashBytes(into: &hasher) }
}

extension JSONObject {
    /// Changes a member that is an object in place; one that is absent or something else counts as empty, and a
    /// member left empty is removed.
    package mutating func mutateObject(_ key: String, _ change: (inout JSONObject) -> Void) {
        guard let position = position(of: key), case .object(var members) = storage.values[position] else {
            var members = JSONObject()
            change(&members)
            self[key] = members.isEmpty ? JSONValue?.none : .object(members)
            return
        }
        // Nobody else may hold the inner members while they change, or every change would copy them all.
        storage.values[position] = .null
        change(&members)
        if members.isEmpty { removeValue(forKey: key) } else { storage.values[position] = .object(members) }
    }
}
