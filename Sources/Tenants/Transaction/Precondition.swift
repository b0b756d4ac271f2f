/// A header that guards a change by revision.
package enum PreconditionHeader: String, Sendable {
    case ifMatch = "If-Match"
    case ifNoneMatch = "If-None-Match"
}

/// What must hold for a change to be made (gateway.md §4).
package struct Precondition: Sendable {
    /// Absent: not guarded. Given: must equal the current version; 0 means "must not exist".
    package var expectedVersion: UInt64?
    /// The `If-Match` header's value.
    package var ifMatch: String?
    /// The `If-None-Match` header's value.
    package var ifNoneMatch: String?

    package static let none = Precondition()

    package init(expectedVersion: UInt64? = nil, ifMatch: String? = nil, ifNoneMatch: String? = nil) {
        self.expectedVersion = expectedVersion
        self.ifMatch = ifMatch
        self.ifNoneMatch = ifNoneMatch
    }

    package var isGuarded: Bool { expectedVersion != nil || ifMatch != nil || ifNoneMatch != nil }

    /// The same precondition with the body's `expected_version`, which must not contradict the one already there.
    func adding(
        _ version: UInt64?, _ resource: RegistryError.Resource, _ slug: String
    ) throws(RegistryError) -> Precondition {
        guard let version else { return self }
        if let expectedVersion, expectedVersion != version { throw .preconditionsDisagree(resource, slug) }
        var copy = self
        copy.expectedVersion = version
        return copy
    }

    /// The state a precondition is held against; version 0 is that of what does not exist.
    struct Subject {
        let resource: RegistryError.Resource
        let slug: String
        let version: UInt64
        /// Nil when it does not exist.
        let state: (revision: UInt64, epoch: UInt64)?
    }

    /// Throws `versionConflict`, `preconditionFailed`, or `preconditionsDisagree` when one holds and the other not.
    func check(_ subject: Subject) throws(RegistryError) {
        let versionHolds = expectedVersion.map { $0 == subject.version }
        let failed = failedHeader(subject.state)
        let tagHolds = ifMatch == nil && ifNoneMatch == nil ? nil : failed == nil
        switch (versionHolds, tagHolds) {
        case (nil, nil), (true, nil), (nil, true), (true, true): return
        case (true, false), (false, true): throw .preconditionsDisagree(subject.resource, subject.slug)
        case (false, _):
            throw .versionConflict(
                subject.resource, subject.slug, expected: expectedVersion ?? 0, actual: subject.version)
        case (nil, false):
            throw .preconditionFailed(
                subject.resource, subject.slug, by: failed ?? .ifMatch, actual: subject.version)
        }
    }

    /// The first header that does not hold; nil when those that are given do.
    private func failedHeader(_ state: (revision: UInt64, epoch: UInt64)?) -> PreconditionHeader? {
        let tag = state.map { EntityTag.text(revision: $0.revision, epoch: $0.epoch) }
        if let ifMatch, !(tag.map(EntityTagList(ifMatch).matchesStrongly) ?? false) { return .ifMatch }
        if let ifNoneMatch, tag.map(EntityTagList(ifNoneMatch).matchesWeakly) ?? false { return .ifNoneMatch }
        return nil
    }
}
