import Patterns

/// One chat of `redact`.
struct RedactSession: MiddlewareSession {
    private let masker: Masker
    private let restores: Bool
    private var table = PlaceholderTable()
    private var effort = Masker.Effort()

    init(masker: Masker, restores: Bool) {
        self.masker = masker
        self.restores = restores
    }

    var changesAnswers: Bool { restores && !table.isEmpty }

    mutating func onRequest(_ draft: inout ChatRequestDraft) throws(MiddlewareRefusal) {
        reservePlaceholders(in: draft)
        if draft.isFollowUp, draft.expectsJSON, restores { hideEscapedOriginals(in: &draft) }
        do {
            try draft.rewriteTexts { text, place throws(PatternSearchError) in
                place.isJSON
                    ? try masker.maskedJSON(text, table: &table, effort: &effort)
                    : try masker.masked(text, table: &table, effort: &effort)
            }
        } catch {
            throw MiddlewareRefusal(
                status: 400, code: "redaction_limit_exceeded",
                message: "redact could not mask this request, so it was not sent: \(error)", param: "messages")
        }
        draft.issuedPlaceholders.formUnion(table.issued)
    }

    mutating func onAnswer(_ answer: inout ChatAnswer, expectsJSON: Bool) -> AnswerVerdict {
        guard changesAnswers else { return .deliver }
        answer.rewriteTexts { text, place in
            guard var filter = makeStreamFilter(for: place, expectsJSON: expectsJSON) else { return nil }
            var restored: [UInt8] = []
            filter.push(Array(text.utf8), into: &restored)
            filter.finish(into: &restored)
            return String(decoding: restored, as: UTF8.self)
        }
        return .deliver
    }

    func makeStreamFilter(for place: ChatTextPlace, expectsJSON: Bool) -> (any TextStreamFilter)? {
        guard changesAnswers else { return nil }
        return RestoringFilter(table.all, isJSON: place.isJSON || (expectsJSON && place == .content))
    }

    /// A refused answer goes back up with the originals in it as they were put into its JSON: escaped, as no pattern
    /// need recognise them.
    private func hideEscapedOriginals(in draft: inout ChatRequestDraft) {
        let escaped = table.all.map {
            (placeholder: $0.key, original: $0.value, inside: RestoringFilter.escaped($0.value))
        }
        .filter { $0.inside != $0.original }
        .sorted { $0.inside.count > $1.inside.count }
        guard !escaped.isEmpty else { return }
        draft.rewriteTexts { text, _ in
            let bytes = Array(text.utf8)
            let hidden = escaped.reduce(bytes) { $0.replacing($1.inside, with: $1.placeholder) }
            return hidden == bytes ? nil : String(decoding: hidden, as: UTF8.self)
        }
    }

    /// Keeps what stands in the conversation already, or belongs to another use of this middleware, from getting a
    /// meaning: the answer would then show a text where its author meant the placeholder.
    ///
    /// Without `restore` nothing gets a meaning, and the placeholders an earlier answer repeated shall go on standing
    /// for the same texts.
    private mutating func reservePlaceholders(in draft: ChatRequestDraft) {
        for placeholder in draft.issuedPlaceholders { table.reserve(placeholder) }
        guard restores, !draft.isFollowUp else { return }
        for text in draft.texts {
            for placeholder in masker.placeholders(in: text) { table.reserve(placeholder) }
        }
    }
}
