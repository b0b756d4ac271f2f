import JSON
import Middlewares
import Testing

@Suite struct LimitAndJSONTests {
    private func refusal(_ config: String, _ request: ChatRequestDraft) throws -> MiddlewareRefusal? {
        var run = try chain(("input-limit", config)).begin()
        var request = request
        do throws(MiddlewareRefusal) {
            try run.onRequest(&request)
            return nil
        } catch {
            return error
        }
    }

    @Test func `input-limit refuses what is over the limit, naming limit and value`() throws {
        let three = draft(user("a"), user("b"), user("c"), prompt: "not counted")
        #expect(try refusal(#"{"max_messages":3}"#, three) == nil)
        #expect(
            try refusal(#"{"max_messages":2}"#, three)
                == MiddlewareRefusal(
                    status: 400, code: "input_limit_exceeded",
                    message: "the request has 3 messages; this profile allows at most 2 (max_messages)",
                    param: "max_messages"))
    }

    @Test func `input-limit counts code points of every text the client sent`() throws {
        let request = draft(
            user("é😀"), ["role": "user", "content": [["type": "text", "text": "abc"], ["type": "image_url"]]],
            ["role": "assistant", "tool_calls": [["function": ["arguments": "{}"]]]], prompt: "not counted")
        #expect(try refusal(#"{"max_characters":7}"#, request) == nil)
        let refused = try #require(try refusal(#"{"max_characters":6}"#, request))
        #expect(refused.message == "the request has 7 characters; this profile allows at most 6 (max_characters)")
        #expect(refused.param == "max_characters")
        #expect(try refusal(#"{"max_characters":5}"#, draft(user("e\u{301}abc"))) == nil)
    }

    private let schema = #"{"schema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}}"#

    @Test func `require-json delivers what satisfies, and needs the whole answer`() throws {
        var run = try chain(("require-json", schema)).begin()
        var request = draft(user("q"))
        try run.onRequest(&request)
        #expect(run.needsWholeAnswer && request.expectsJSON)
        var good = answer(#" {"n":1} "#)
        #expect(try run.onAnswer(&good) == .deliver)
        #expect(good == answer(#" {"n":1} "#))
    }

    @Test func `require-json asks once more saying what was wrong, then refuses`() throws {
        var run = try chain(("require-json", schema)).begin()
        var request = draft(user("q"), prompt: "p")
        try run.onRequest(&request)
        var bad = answer(#"{"n":"x"}"#)
        guard case .askAgain(let again) = try run.onAnswer(&bad) else {
            Issue.record("the first bad answer was not asked about again")
            return
        }
        #expect(again.isFollowUp && again.systemPrompt == "p" && again.messages.count == 3)
        #expect(again.messages[1] == ["role": "assistant", "content": #"{"n":"x"}"#])
        #expect(again.text(2)?.contains("n: must be an integer, not a string") == true)
        var repaired = answer(#"{"n":2}"#)
        var copy = run
        #expect(try copy.onAnswer(&repaired) == .deliver)
        var stillBad = answer("sorry")
        let refusal = try #require(throws: MiddlewareRefusal.self) { try run.onAnswer(&stillBad) }
        #expect(refusal.status == 502 && refusal.code == "upstream_invalid_json")
        #expect(refusal.message.contains("not even when asked again: invalid JSON at byte 0"))
    }

    @Test func `require-json with no retries refuses at once, and every choice counts`() throws {
        var run = try chain(("require-json", #"{"retries":0}"#)).begin()
        var request = draft(user("q"))
        try run.onRequest(&request)
        var two = ChatAnswer(
            body: ["choices": [["message": ["content": "1"]], ["message": ["content": #"{"a":1,"a":2}"#]]]])
        let refusal = try #require(throws: MiddlewareRefusal.self) { try run.onAnswer(&two) }
        #expect(refusal.message.contains("requires: invalid JSON"))
    }

    @Test func `a message that only calls tools is not yet the answer, an empty one is no JSON`() throws {
        var run = try chain(("require-json", #"{"retries":0}"#)).begin()
        var request = draft(user("q"))
        try run.onRequest(&request)
        var call = ChatAnswer(
            body: ["choices": [["message": ["content": .null, "tool_calls": [["id": "1", "type": "function"]]]]]])
        #expect(try run.onAnswer(&call) == .deliver)
        var nothing = ChatAnswer(body: ["choices": [["message": ["content": .null]]]])
        #expect(throws: MiddlewareRefusal.self) { try run.onAnswer(&nothing) }
    }

    @Test func `a follow-up passes the layers below again: masked as before, appended once, not counted`() throws {
        var run = try chain(
            ("prompt-append", #"{"text":"above"}"#), ("require-json", schema), ("redact", #"{"restore":true}"#),
            ("prompt-append", #"{"text":"below"}"#), ("input-limit", #"{"max_messages":1}"#)
        ).begin()
        var request = draft(user("a@x.org"), prompt: "p")
        try run.onRequest(&request)
        #expect(request.systemPrompt == "p\n\nabove\n\nbelow" && request.text() == "[EMAIL_1]")
        var bad = answer(#"{"to":"[EMAIL_1]"}"#)
        guard case .askAgain(let again) = try run.onAnswer(&bad) else {
            Issue.record("the bad answer was not asked about again")
            return
        }
        #expect(again.systemPrompt == "p\n\nabove\n\nbelow")
        #expect(
            again.messages.prefix(2) == [user("[EMAIL_1]"), ["role": "assistant", "content": #"{"to":"[EMAIL_1]"}"#]])
        var good = answer(#"{"n":1,"to":"[EMAIL_1]"}"#)
        #expect(try run.onAnswer(&good) == .deliver && good.text == #"{"n":1,"to":"a@x.org"}"#)
    }

    @Test func `answers pass the list in reverse, each layer seeing what the one below it left`() throws {
        let restoring = ("redact", #"{"restore":true}"#)
        for (uses, seen) in [
            ([("require-json", #"{"retries":0,"schema":{"const":"a@x.org"}}"#), restoring], true),
            ([restoring, ("require-json", #"{"retries":0,"schema":{"const":"[EMAIL_1]"}}"#)], true),
            ([restoring, ("require-json", #"{"retries":0,"schema":{"const":"a@x.org"}}"#)], false),
        ] {
            var run = try chain(uses[0], uses[1]).begin()
            var request = draft(user("a@x.org"))
            try run.onRequest(&request)
            var reply = answer(#""[EMAIL_1]""#)
            let isDelivered = (try? run.onAnswer(&reply)) == .deliver
            #expect(isDelivered == seen)
            if isDelivered { #expect(reply.text == #""a@x.org""#) }
        }
    }

    @Test func `the profile's prompt goes before the client's messages`() {
        #expect(
            draft(user("hi"), prompt: "p").composed(systemRole: "developer")["messages"]
                == [["role": "developer", "content": "p"], user("hi")])
        #expect(draft(user("hi"), prompt: "").composed()["messages"] == [user("hi")])
    }
}
