internal import JSON
internal import Profiles
internal import Tenants

/// The runbook's step 5 over the real endpoints: the list, a PATCH on a stale version, chats by profile and by registry.
struct DeepVerification: Sendable {
    let gateway: ScratchGateway

    /// Registries beyond these are not chatted with: each resolves already by the other checks.
    private static let maximumRegistries = 20

    func checks() async -> [HealthCheck] {
        let (list, items) = await listed()
        guard list.status == .ok else { return [list] }
        return [list, await staleVersion(items), await chatByProfile(items), await chatByRegistry()]
    }

    private func listed() async -> (HealthCheck, [JSONValue]) {
        do throws(ClientFailure) {
            let items = try await gateway.client.list(ClientRequest(.get, ["api", "chat", "profiles"]))
            let standard = items.first { $0["is_default"] == .bool(true) }?["slug"]?.stringValue
            let found = "\(items.count) profiles, the default is \(standard ?? "none")"
            guard !items.isEmpty, standard == nil else { return (HealthCheck("deep.list", .ok, found), items) }
            return (HealthCheck("deep.list", .warning, found, advice: "set a default profile"), items)
        } catch {
            return (HealthCheck("deep.list", .failed, error.message, advice: "restore another backup"), [])
        }
    }

    private func staleVersion(_ items: [JSONValue]) async -> HealthCheck {
        let id = "deep.stale_version"
        guard let item = items.first, let slug = item["slug"]?.stringValue,
            let version = item["version"]?.numberValue?.uint64
        else { return HealthCheck(id, .ok, "no profiles") }
        let stale = version > 1 ? version - 1 : version + 1
        let body: JSONValue = ["expected_version": .number(JSONNumber(stale)), "description": "probe"]
        var request = ClientRequest(.patch, ["api", "chat", "profiles", slug], body: body.encoded())
        request.headers = [("X-Override-Read-Only", "true")]
        do throws(ClientFailure) {
            _ = try await gateway.client.send(request)
            return HealthCheck(id, .failed, "a PATCH of \(slug) on the stale version \(stale) was taken")
        } catch {
            guard error.code == "version_conflict" else {
                return HealthCheck(id, .failed, "PATCH \(slug): \(error.message)")
            }
            return HealthCheck(id, .ok, "a PATCH of \(slug) on version \(stale) is refused: it is at \(version)")
        }
    }

    private func chatByProfile(_ items: [JSONValue]) async -> HealthCheck {
        let id = "deep.chat_profile"
        let standard = items.first { $0["is_default"] == .bool(true) } ?? items.first
        guard let slug = standard?["slug"]?.stringValue else { return HealthCheck(id, .ok, "no profiles") }
        return await chat(["profile": .string(slug)], id, "profile \(slug)")
    }

    private func chatByRegistry() async -> HealthCheck {
        let id = "deep.chat_registry"
        let registries: [String]
        do throws(ClientFailure) {
            registries = try await gateway.client.list(ClientRequest(.get, ["api", "chat", "registries"])).compactMap {
                $0["profile_count"]?.numberValue?.int64 == 0 ? nil : $0["slug"]?.stringValue
            }
        } catch { return HealthCheck(id, .failed, error.message) }
        var worst = HealthCheck(id, .ok, "\(registries.count) registries answer")
        for slug in registries.prefix(Self.maximumRegistries) {
            let check = await chat(["registry": .string(slug)], id, "registry \(slug)")
            if check.status > worst.status { worst = check }
        }
        return worst
    }

    private func chat(_ selection: JSONObject, _ id: String, _ what: String) async -> HealthCheck {
        var body = selection
        body["prompt"] = "verify"
        do throws(ClientFailure) {
            let answer = try await gateway.client.send(
                ClientRequest(.post, ["chat"], body: JSONValue.object(body).encoded())
            ).value()
            return HealthCheck(id, .ok, "\(what) answers as \(answer["runtime_key"]?.stringValue ?? "?")")
        } catch {
            return await resolution(body, id, what, after: error)
        }
    }

    /// A chat may fail for reasons of its own, such as a middleware that does not like what echo says; what counts after
    /// a restore is that the profile resolves.
    private func resolution(
        _ body: JSONObject, _ id: String, _ what: String, after failure: ClientFailure
    ) async -> HealthCheck {
        do throws(ClientFailure) {
            _ = try await gateway.client.send(
                ClientRequest(.post, ["api", "chat", "resolve"], body: JSONValue.object(body).encoded()))
            return HealthCheck(
                id, .warning, "\(what) resolves, but a chat with the built-in echo is refused: \(failure.message)",
                advice: "try it with its provider: profile-gateway chat")
        } catch {
            let param = error.problem?["param"]?.stringValue ?? ""
            if param == "variables" || param.hasPrefix("variables.") {
                return HealthCheck(id, .ok, "\(what) resolves once its variables are given")
            }
            return HealthCheck(
                id, .failed, "\(what): \(error.message)", advice: "mend the profile, or restore another backup")
        }
    }
}
