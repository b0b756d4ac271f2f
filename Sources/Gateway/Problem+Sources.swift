internal import HTTPServer
internal import JSON
internal import Logging
internal import Middlewares
internal import Profiles
internal import Tenants
internal import Upstreams

// How the errors of the floors below look to a client: one initialiser per kind of error, exhaustive.

extension Problem {
    /// A field of a body with the wrong type or name.
    init(_ error: FieldError) {
        self = .badRequest("bad request: \(error)", code: "invalid_field", param: error.path.isEmpty ? nil : error.path)
    }

    /// Bytes that are no JSON.
    init(_ error: JSONError) {
        self = .badRequest(
            "bad request: \(error)", code: "invalid_json", param: error.path.isEmpty ? nil : error.path)
    }

    /// A value that breaks a rule of the domain (origin 2.6).
    init(_ error: ValidationError) {
        self = .badRequest("\(error)", code: "validation_error", param: error.field.isEmpty ? nil : error.field)
    }

    /// What the tenant's file or its state refuses. Reasons that name paths go to the log, not to the client.
    init(_ error: RegistryError) {
        switch error {
        case .tenantNotFound:
            self = .tenantNotFound
        case .tenantExists:
            self.init(.conflict, code: "tenant_exists", error.message, param: "slug")
        case .registryNotFound:
            self = .notFound(error.message, code: "registry_not_found", param: "registry")
        case .profileNotFound:
            self = .notFound("profile not found", code: "profile_not_found", param: "slug")
        case .versionNotFound, .noVersions:
            self = .notFound(error.message, code: "version_not_found", param: "version")
        case .versionIsDeletion:
            self.init(.conflict, code: "version_is_deletion", error.message, param: "version")
        case .validation(let validation):
            self.init(validation)
        case .policy:
            self = .forbidden(error.message, code: "policy_violation")
        case .versionConflict(_, _, let expected, let actual):
            self.init(.conflict, code: "version_conflict", error.message, param: "expected_version")
            expectedVersion = expected
            currentVersion = actual
        case .preconditionFailed(_, _, let header, let actual):
            self.init(.preconditionFailed, code: "precondition_failed", error.message, param: header.rawValue)
            currentVersion = actual
        case .preconditionsDisagree:
            self = .badRequest(error.message, code: "precondition_conflict", param: "expected_version")
        case .defaultProfile:
            self.init(.conflict, code: "default_profile", error.message, param: "slug")
        case .inUse:
            self.init(.conflict, code: "profile_in_use", error.message, param: "slug")
        case .registryNotEmpty:
            self.init(.conflict, code: "registry_not_empty", error.message, param: "registry")
        case .readOnlySource:
            self = .forbidden(error.message, code: "read_only_source", param: "registry")
        case .defaultRegistryUnavailable:
            self = .unavailable("default_registry_unavailable", error.message, retryAfter: 5)
            param = "registry"
        case .importRefused(let problems):
            self.init(refusedImport: problems.map(ImportFinding.init))
        case .registryProtected:
            self.init(.conflict, code: "registry_protected", error.message, param: "registry")
        case .damaged:
            self.init(.internalServerError, code: "registry_damaged", error.message)
        case .quarantined:
            // What is wrong with the file is the tenant's business; where it lies is not.
            self = .unavailable("tenant_quarantined", error.message.withoutDirectories, retryAfter: 60)
        case .busy(let seconds):
            self = .unavailable("registry_busy", error.message, retryAfter: seconds)
        case .readsBusy(let seconds):
            self = .unavailable("history_busy", error.message, retryAfter: seconds)
        case .diskFull:
            self = .unavailable("disk_full", "no space left for the tenant's data; nothing was changed", retryAfter: 30)
        case .readOnly:
            self = .unavailable(
                "storage_read_only", "the tenant's data cannot be written; nothing was changed", retryAfter: 30)
        case .commitOutcomeUnknown:
            self = .unavailable(
                "commit_outcome_unknown",
                "the outcome of the change is unknown; read the current state before trying again", retryAfter: 1)
        case .closed:
            self = .unavailable("tenant_closing", "the tenant is being closed; try again", retryAfter: 1)
        case .restoring(let seconds):
            self = .unavailable("tenant_restoring", error.message, retryAfter: seconds)
        case .backupNotFound:
            self = .notFound(error.message.withoutDirectories, code: "backup_not_found", param: "from")
        case .backupInvalid:
            self.init(.unprocessableContent, code: "backup_invalid", error.message.withoutDirectories, param: "from")
        case .backupFailed:
            self.init(.internalServerError, code: "backup_failed", error.message.withoutDirectories)
        case .cancelled:
            self = .unavailable("cancelled", error.message.withoutDirectories, retryAfter: 1)
        case .storage:
            self = .unavailable(
                "storage_failed", "the tenant's data cannot be reached; nothing was changed", retryAfter: 5)
        case .newerSchema:
            self = .unavailable(
                "newer_schema", "the tenant's file was written by a newer version of this program", retryAfter: 60)
        case .unsafePath:
            self = .unavailable(
                "unsafe_path", "the tenant's directory or file is not safe to use; the log says why", retryAfter: 60)
        case .inUseByProcess:
            self = .unavailable("file_in_use", "the tenant's file is in use by another process", retryAfter: 5)
        }
    }

    /// Why a request has no effective runtime. A broken stack is the stored file's fault, which only an editor of the
    /// file can have caused: 409 with its path.
    init(_ error: ResolutionError) {
        switch error {
        case .registryNotFound:
            self = .notFound(error.description, code: "registry_not_found", param: "registry")
        case .profileNotFound:
            self = .notFound(error.description, code: "profile_not_found", param: "profile")
        case .validation(let validation) where validation.field.hasPrefix("registry.profiles["):
            self.init(.conflict, code: "stack_broken", error.description, param: validation.field)
        case .validation(let validation):
            self.init(validation)
        case .policy(let violation):
            self = .forbidden(error.description, code: "policy_violation", param: violation.field)
        }
    }

    /// What the HTTP floor refuses before a handler runs.
    init(_ failure: ServerFailure) {
        let code: String
        switch failure {
        case .malformed: code = "malformed_request"
        case .methodNotImplemented: code = "method_not_implemented"
        case .expectationFailed: code = "expectation_failed"
        case .bodyTooLarge: code = "body_too_large"
        case .headTimeout, .bodyTimeout: code = "request_timeout"
        case .unusableResponse: code = "internal_error"
        case .stopping: code = "stopping"
        }
        self.init(failure.status, code: code, "\(failure)")
        if failure == .stopping { retryAfter = 1 }
    }

    static func unavailable(_ code: String, _ message: String, retryAfter seconds: Int) -> Problem {
        var problem = Problem(.serviceUnavailable, code: code, message)
        problem.retryAfter = seconds
        return problem
    }

    /// Any error a handler throws, or nil for one nobody foresaw.
    init?(any error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as ValidationError: self.init(error)
        case let error as FieldError: self.init(error)
        case let error as RegistryError: self.init(error)
        case let error as ResolutionError: self.init(error)
        case let error as UpstreamError: self.init(error)
        case let error as MiddlewareRefusal: self.init(error)
        default: return nil
        }
    }
}

extension Problem {
    /// Why an upstream gave no answer; its message is masked already.
    init(_ error: UpstreamError) {
        // 499 is what we log for a client that left; nobody reads it.
        self.init(Status(UInt16(clamping: error.status)), code: error.code, error.message, param: error.param)
        retryAfter = error.retryAfter.map { Int($0.seconds) }
        var told: Logger.Metadata = [
            "reason": "\(error.kind.rawValue)", "upstream": "\(error.upstream)", "attempts": "\(error.attempts)",
        ]
        if let status = error.upstreamStatus { told["upstream_status"] = "\(status)" }
        if let detail = error.detail { told["detail"] = "\(detail)" }
        logged = told
    }

    /// An answer that was accepted and then cannot be read; `reason` may quote it.
    init(unreadableAnswerOf upstream: String, _ reason: String) {
        self.init(.badGateway, code: "upstream_bad_response", "upstream \(upstream.debugDescription): \(reason)")
        logged = ["reason": "the answer cannot be read as a chat completion", "upstream": "\(upstream)"]
    }

    /// What a middleware objects to.
    init(_ refusal: MiddlewareRefusal) {
        self.init(Status(UInt16(clamping: refusal.status)), code: refusal.code, refusal.message, param: refusal.param)
        logged = refusal.logged.map { ["reason": "\($0)"] }
    }
}
