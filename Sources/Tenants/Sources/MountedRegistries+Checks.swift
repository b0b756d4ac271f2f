extension MountedRegistries {
    /// What `verify` says about a tenant's sources; nothing for one that has none.
    ///
    /// What a source last said well is still served, so a broken one is a warning.
    var checks: [HealthCheck] {
        guard !problems.isEmpty else {
            return registries.isEmpty ? [] : [HealthCheck("sources", .ok, "\(registries.count) registries mounted")]
        }
        return problems.map { problem in
            let place = problem.path + (problem.line.map { ", line \($0)" } ?? "")
            return HealthCheck(
                "sources", .warning, "\(place): \(problem.reason)",
                advice: "mend the file; it is read again within a second")
        }
    }
}
