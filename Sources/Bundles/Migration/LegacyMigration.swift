package import Profiles

/// Turns a file of profiles of any form into a bundle of registries, as the origin's `profiles migrate-legacy` does
/// (origin 6.2), with one difference: a backup is 0600, carries the time in its name, and never replaces another (D63).
package struct LegacyMigration: Sendable {
    package struct Options: Sendable {
        package var input: String
        /// Default: `<input>.registry.yaml`.
        package var output: String?
        /// What a legacy map becomes.
        package var registry = RegistrySlug.default
        package var inPlace = false
        package var backsUpInPlace = true
        /// An output that is there already is overwritten.
        package var force = false
        package var isDryRun = false
        package var skipsIfNotLegacy = false

        package init(input: String) {
            self.input = input
        }
    }

    /// What was found and done.
    package struct Outcome: Sendable {
        package let input: String
        package let format: BundleFormat
        /// Where the bundle was written; nil when nothing was.
        package let output: String?
        package let backup: String?
        package let registries: Int
        package let profiles: Int
        /// The bundle as YAML; nil when there was nothing to convert.
        package let text: [UInt8]?
    }

    package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        package let description: String

        init(_ description: String) {
            self.description = description
        }
    }

    private let options: Options
    /// `YYYYmmdd-HHMMSS`, for the backup's name.
    private let timestamp: String

    package init(_ options: Options, timestamp: String) {
        self.options = options
        self.timestamp = timestamp
    }

    /// Does it. Blocks as files do.
    ///
    /// - Throws: `Failure` with what is wrong and what to do; nothing was written then.
    package func run() throws(Failure) -> Outcome {
        let bytes = try MigrationFiles.read(options.input)
        let bundle = try read(bytes)
        guard bundle.format != .empty else { throw Failure("\(options.input) is empty") }
        if options.skipsIfNotLegacy && bundle.format != .legacyMap { return outcome(bundle, text: nil) }
        let text = BundleWriter.encode(
            BundleWriter.bundle(of: try validated(bundle), masksKeys: false), as: .yaml)
        if options.isDryRun { return outcome(bundle, text: text) }
        let mode = MigrationFiles.mode(like: options.input)
        guard !options.inPlace else {
            var backup: String?
            if options.backsUpInPlace { backup = try MigrationFiles.backUp(options.input, bytes, timestamp) }
            try MigrationFiles.replace(options.input, with: text, mode: mode)
            return outcome(bundle, text: text, output: options.input, backup: backup)
        }
        let output = options.output ?? options.input + ".registry.yaml"
        guard !MigrationFiles.areSame(output, options.input) else {
            throw Failure("the output is the input: \(output) (use --in-place)")
        }
        if !options.force && MigrationFiles.exists(output) {
            throw Failure("output file already exists: \(output) (use --force)")
        }
        try MigrationFiles.replace(output, with: text, mode: mode)
        return outcome(bundle, text: text, output: output)
    }

    private func read(_ bytes: [UInt8]) throws(Failure) -> Bundle {
        var reader = BundleReader()
        reader.defaultRegistry = options.registry
        do {
            let bundle = try reader.read(bytes, as: .yaml)
            guard bundle.format != .invalid else {
                throw Failure("decode profiles YAML: \(options.input): the document must be a mapping")
            }
            return bundle
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure("decode profiles YAML: \(options.input): \(error)")
        }
    }

    private func validated(_ bundle: Bundle) throws(Failure) -> [RegistryDocument] {
        var problems = bundle.problems.map(\.description)
        let documents = bundle.completed
        if problems.isEmpty {
            for document in documents {
                do throws(ValidationError) { try document.validate() } catch {
                    problems.append("\(bundle.problem(error, in: document.registry.slug))")
                }
            }
        }
        guard problems.isEmpty else {
            throw Failure("\(options.input): " + problems.joined(separator: "\n\(options.input): "))
        }
        return documents
    }

    private func outcome(
        _ bundle: Bundle, text: [UInt8]?, output: String? = nil, backup: String? = nil
    ) -> Outcome {
        Outcome(
            input: options.input, format: bundle.format, output: output, backup: backup,
            registries: bundle.documents.count, profiles: bundle.documents.reduce(0) { $0 + $1.profiles.count },
            text: text)
    }
}

extension LegacyMigration.Outcome {
    /// The origin's lines (origin 6.2).
    package var report: String {
        var lines = [
            "Input: \(input)", "Input format: \(format.rawValue)",
            output.map { "Output: \($0)" } ?? "No output written",
            "Registries: \(registries)", "Profiles: \(profiles)",
        ]
        if let backup { lines.append("Backup: \(backup)") }
        return lines.joined(separator: "\n")
    }
}
