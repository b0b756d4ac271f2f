/// Who changed a profile or registry when; all but the tags belong to the server.
package struct ProfileMetadata: Sendable, Equatable {
    package var source: String
    /// Grows by one with every change; 0 in documents that were never written through us.
    package var version: UInt64
    /// Milliseconds since the epoch; 0 when unknown.
    package var createdAtMs: Int64
    package var updatedAtMs: Int64
    package var createdBy: String
    package var updatedBy: String
    package var tags: [String]

    package init(
        source: String = "", version: UInt64 = 0, createdAtMs: Int64 = 0, updatedAtMs: Int64 = 0,
        createdBy: String = "", updatedBy: String = "", tags: [String] = []
    ) {
        self.source = source
        self.version = version
        self.createdAtMs = createdAtMs
        self.updatedAtMs = updatedAtMs
        self.createdBy = createdBy
        self.updatedBy = updatedBy
        self.tags = tags
    }

    /// Records one change (origin 2.7): the creator stays, times never run backwards, the version grows by one.
    package mutating func touch(_ stamp: ChangeStamp) {
        if createdAtMs == 0 { createdAtMs = stamp.nowMs }
        if createdBy.isEmpty { createdBy = stamp.actor }
        if !stamp.source.isEmpty { source = stamp.source }
        updatedAtMs = max(updatedAtMs, stamp.nowMs)
        if !stamp.actor.isEmpty { updatedBy = stamp.actor }
        version += 1
    }
}

package typealias RegistryMetadata = ProfileMetadata

/// Who makes a change, through which door, and when.
package struct ChangeStamp: Sendable, Equatable {
    package let actor: String
    package let source: String
    /// Wall clock, milliseconds since the epoch.
    package let nowMs: Int64

    package init(actor: String, source: String, nowMs: Int64) {
        self.actor = actor
        self.source = source
        self.nowMs = nowMs
    }
}
