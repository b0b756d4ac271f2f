import GatewayTestSupport
import JSON

/// Random profiles whose stacks refer to one another freely, cycles and missing ones included.
private func randomDocument(of name: String, _ names: [String], using random: inout SeededRandom) -> String {
    func maybe(_ chance: Int, _ text: @autoclosure () -> String) -> String? {
        Int.random(in: 0..<100, using: &random) < chance ? text() : nil
    }
    func pick(_ choices: [String]) -> String { choices[Int.random(in: 0..<choices.count, using: &random)] }
    // Mostly downward references, so that most stacks resolve; some upward ones make cycles.
    let lower = names.filter { $0 < name }
    let pool = Int.random(in: 0..<100, using: &random) < 6 ? names + ["gone"] : lower
    let stack = (0..<Int.random(in: 0...2, using: &random)).compactMap { _ in
        pool.isEmpty ? nil : "{\"profile_slug\":\"\(pick(pool))\"}"
    }
    let settings = maybe(
        60,
        pick([
            #"{"ai-chat":{"ai-engine":"\#(name)"}}"#,
            #"{"ai-chat":{"ai-engine":null,"ai-temperature":0.\#(Int.random(in: 1...9, using: &random))}}"#,
            #"{"ai-chat":null,"ai-client":{"timeout":"7"}}"#, "null", #"{"ai-client":{"timeout":3.0}}"#,
            #"{"ai-inference":{"inference-temperature":0.\#(Int.random(in: 1...9, using: &random))}}"#,
            #"{"ai-inference":{"inference-temperature":0.5},"ai-chat":{"ai-temperature":0.6}}"#,
            #"{"ai-inference":{"inference-temperature":null},"ai-chat":{"ai-temperature":0.7}}"#,
        ]))
    let runtime = [
        settings.map { "\"step_settings_patch\":\($0)" },
        maybe(50, "\"system_prompt\":" + pick(["\"p-\(name)\"", "null", "\" \""])),
        maybe(40, "\"tools\":" + pick(["[]", "null", "[\"t-\(name)\"]"])),
        maybe(
            50,
            "\"middlewares\":"
                + pick([
                    "[]", "null", #"[{"name":"m"}]"#, #"[{"name":"m","id":"1"},{"name":"n"}]"#,
                    #"[{"name":"n"},{"name":"m","id":"1","enabled":false}]"#, #"[{"name":"o"},{"name":"n"}]"#,
                ])),
        maybe(
            40,
            "\"variables\":"
                + pick([
                    "null", #"{"v":{"default":"\#(name)"}}"#, #"{"v":null,"w":{"type":"integer"}}"#, #"{"w":null}"#,
                ])),
    ].compactMap(\.self)
    let keys = ["system_prompt", "tools", "middlewares", "step_settings_patch"]
    let denied = pick(keys)
    let allowed = [pick(keys), pick(keys)].filter { $0 != denied }.map { "\"\($0.uppercased())\"" }
    let policy = [
        maybe(75, "\"allow_overrides\":" + pick(["true", "true", "true", "false"])),
        maybe(25, "\"allowed_override_keys\":[\(allowed.joined(separator: ","))]"),
        maybe(20, "\"denied_override_keys\":[\"\(denied.uppercased())\"]"),
        maybe(10, "\"read_only\":true"), maybe(20, "\"on_denied\":" + pick(["\"ignore\"", "\"reject\""])),
        maybe(20, "\"pass_unknown\":" + pick(["true", "false"])),
        maybe(
            20,
            "\"limits\":"
                + pick([
                    #"{"ai-chat.ai-temperature":{"max":0.5}}"#, #"{"ai-chat.ai-temperature":{"max":1.0,"min":0.8}}"#,
                    #"{"ai-inference.inference-temperature":{"enum":[0.7,0.9]}}"#,
                    #"{"ai-inference.inference-temperature":{"enum":[0.9,0.2],"max":1}}"#,
                ])),
    ].compactMap(\.self)
    let extensions = maybe(
        40,
        pick([
            #"{"a.b@v1":{"x":{"\#(name)":1}}}"#, #"{"a.b@v1":{"x":[]}}"#, #"{"a.b@v1":null}"#, #"{"a.b@v1":{"x":{}}}"#,
        ]))
    return """
        {"metadata":{"version":\(Int.random(in: 1...9, using: &random))},"stack":[\(stack.joined(separator: ","))],\
        "runtime":{\(runtime.joined(separator: ","))},"policy":{\(policy.joined(separator: ","))},\
        "extensions":\(extensions ?? "{}")}
        """
}

func randomTenant(names: [String], using random: inout SeededRandom) throws -> TestTenant {
    var tenant = try TestTenant([:])
    for name in names { try tenant.add(name, randomDocument(of: name, names, using: &random)) }
    return tenant
}
