internal import Bundles
internal import HTTPServer
internal import JSON
internal import Profiles
internal import Tenants

/// One thing that keeps a document from being imported, as the answer lists it.
struct ImportFinding: Sendable {
    let registry: String?
    let path: String
    let line: Int?
    let problem: Problem

    init(_ problem: BundleProblem) {
        registry = problem.registry
        path = problem.path
        line = problem.line
        self.problem = .badRequest(
            problem.path.isEmpty ? problem.reason : problem.message, code: "validation_error",
            param: problem.path.isEmpty ? nil : problem.path)
    }

    init(_ problem: ImportProblem) {
        self.init(problem, line: nil)
    }

    init(_ problem: ImportProblem, line: Int?) {
        registry = problem.registry.rawValue
        path = problem.path
        self.line = line
        if path.isEmpty, case .validation(let error) = problem.error {
            self.problem = .badRequest(error.reason, code: "validation_error")
            return
        }
        var first = Problem(problem.error)
        first.param = problem.path
        self.problem = first
    }

    var document: JSONValue {
        var object: JSONObject = [
            "message": .string(problem.message), "code": .string(problem.code),
            "param": path.isEmpty ? .null : .string(path),
        ]
        if let registry { object["registry"] = .string(registry) }
        if let line { object["line"] = .number(JSONNumber(line)) }
        return .object(object)
    }
}

extension Problem {
    /// Nothing was imported: the first finding as the error, all of them in `errors`.
    init(refusedImport findings: [ImportFinding]) {
        self = findings.first?.problem ?? .badRequest("the import is refused", code: "validation_error")
        errors = findings.map(\.document)
    }
}
