import Gateway
import JSON

/// One edit of one profile: read, typed in an editor, shown, written under the version that was read; on a conflict
/// both sides are shown and the person decides.
struct EditSession {
    typealias Send = (ClientRequest) async throws -> ClientAnswer

    let profile: ProfileReference
    let guarding: GuardOptions
    let send: Send

    init(profile: ProfileReference, guarding: GuardOptions, send: @escaping Send) {
        self.profile = profile
        self.guarding = guarding
        self.send = send
    }

    /// A state of the profile as it was read.
    private struct Stored {
        /// What a person may change of it.
        let document: JSONValue
        let version: String
        let etag: String?

        var label: String { "version \(version)" }
    }

    private enum Outcome {
        case written(JSONValue)
        case unchanged
        case again
        case left
    }

    /// - Returns: the profile as it was written; nil when nothing was changed.
    /// - Throws: what keeps the change from being written; it says where the text is kept.
    func run() async throws -> JSONValue? {
        var base = try await read()
        try refuseReadOnly(base)
        let file = try EditedFile(for: profile.slug)
        do {
            try file.write(Self.page(base.document, ["\(profile.name), \(base.label)"]))
            if Question.canAsk { Output.error("your text is in \(file.path) until it is written") }
            while true {
                try TextEditor().edit(file.path)
                switch try await settle(file, &base) {
                case .again: continue
                case .unchanged:
                    file.remove()
                    return nil
                case .written(let document):
                    file.remove()
                    return document
                case .left:
                    throw ClientFailure(.failed, "nothing was written")
                }
            }
        } catch {
            let failure = error as? ClientFailure ?? ClientFailure(.failed, "\(error)")
            throw ClientFailure(
                failure.kind, failure.message + "\n  your text is kept in \(file.path)", problem: failure.problem)
        }
    }

    private func read() async throws -> Stored {
        let answer = try await send(profile.request(.get))
        let document = try answer.value()
        return Stored(
            document: .object(WrittenProfile.editable(document.objectValue ?? [:])),
            version: document["metadata"]?.text("version") ?? "", etag: answer.etag)
    }

    /// Before anybody has typed anything. The gateway refuses it too.
    private func refuseReadOnly(_ stored: Stored) throws(ClientFailure) {
        guard !stored.version.isEmpty else {
            throw ClientFailure(
                .failed, "\(profile.name) comes from a read-only source: edit the file that is mounted there")
        }
        guard stored.document["policy"]?["read_only"]?.boolValue != true || guarding.overrideReadOnly else {
            throw ClientFailure(
                .failed, "\(profile.name) is read-only by its policy; to change it all the same: --override-read-only")
        }
    }

    /// What becomes of the text in the file, until it is written, given up, or to be edited again.
    private func settle(_ file: EditedFile, _ base: inout Stored) async throws -> Outcome {
        var mine: JSONValue
        do throws(ClientFailure) {
            mine = .object(try DocumentText.object(file.read(), named: file.path))
        } catch {
            return try askAgain(after: error)
        }
        guard mine != base.document, mine != [:] else { return .unchanged }
        Output.error(DiffText.between(base.document, base.label, and: mine, "yours"))
        if Question.canAsk, !guarding.yes {
            let choices: [(Character, String)] = [("y", "write it"), ("e", "edit again"), ("n", "leave")]
            switch Question.choose("Write this?", choices, harmless: "n") {
            case "e": return .again
            case "n": return .left
            default: break
            }
        }
        while true {
            do throws(ClientFailure) {
                return .written(try await write(mine, over: base))
            } catch  where ["version_conflict", "precondition_failed"].contains(error.code) {
                let theirs = try await read()
                // A new revision without other content, such as a change of the default, is no conflict of contents.
                guard theirs.document != base.document else {
                    base = theirs
                    continue
                }
                guard Question.canAsk else { throw Self.conflict(base, theirs) }
                let merge = ThreeWayMerge(base: base.document, mine: mine, theirs: theirs.document)
                switch resolve(merge, mine: mine, base: base, theirs: theirs) {
                case "m": mine = merge.document
                case "e":
                    let change = DiffText.plain(base.document, base.label, and: theirs.document, theirs.label)
                    try file.write(
                        Self.page(
                            merge.document,
                            ["\(profile.name), \(theirs.label), with your changes on top; theirs were:"]
                                + change.split(separator: "\n").map(String.init)))
                    base = theirs
                    return .again
                default: return .left
                }
                base = theirs
                // What is merged is what is to be kept, should writing it fail.
                try file.write(Self.page(mine, ["\(profile.name), \(base.label), with your changes on top"]))
            } catch {
                return try askAgain(after: error)
            }
        }
    }

    private func write(_ document: JSONValue, over base: Stored) async throws(ClientFailure) -> JSONValue {
        var request = profile.request(.put, body: document.encoded())
        if let etag = base.etag { request.headers.append(("If-Match", etag)) }
        guarding.apply(to: &request)
        do {
            return try await send(request).value()
        } catch let failure as ClientFailure {
            throw failure
        } catch {
            throw ClientFailure(.failed, "\(error)")
        }
    }

    /// Shows both sides and what became of them together, and asks.
    private func resolve(_ merge: ThreeWayMerge, mine: JSONValue, base: Stored, theirs: Stored) -> Character {
        Output.error("\(profile.name) was changed while you were editing; it is \(theirs.label) now.\n")
        Output.error(Style.heading("Their change:"))
        Output.error(DiffText.between(base.document, base.label, and: theirs.document, theirs.label))
        Output.error(Style.heading("Yours on top of theirs would be:"))
        Output.error(DiffText.between(theirs.document, theirs.label, and: merge.document, "yours on top"))
        for path in merge.overlaps {
            Output.error(Style.warning("both changed \(path); yours would stand"))
        }
        return Question.choose(
            "What now?", [("m", "mine on top of theirs"), ("e", "edit again"), ("a", "leave")], harmless: "a")
    }

    /// Somebody who can be asked may mend the text; for anybody else the failure stands.
    private func askAgain(after failure: ClientFailure) throws(ClientFailure) -> Outcome {
        guard Question.canAsk else { throw failure }
        Output.error(Terminal.printable(failure.message))
        let choice = Question.choose("It was not written.", [("e", "edit again"), ("a", "leave")], harmless: "a")
        guard choice == "e" else { throw failure }
        return .again
    }

    private static func conflict(_ base: Stored, _ theirs: Stored) -> ClientFailure {
        ClientFailure(
            .conflict,
            "the profile was changed while it was edited: it was \(base.label) and is \(theirs.label) now\n"
                + DiffText.plain(base.document, base.label, and: theirs.document, theirs.label))
    }

    /// The text an editor opens: what it is in comments, then the document.
    private static func page(_ document: JSONValue, _ about: [String]) -> String {
        let usage = ["Save and leave to write it. Unchanged or empty, nothing happens."]
        return (about + usage).map { "# \(Terminal.printable($0))\n" }.joined() + DocumentText.yaml(document)
    }
}
