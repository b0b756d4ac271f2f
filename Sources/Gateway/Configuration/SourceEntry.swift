// The entries of a tenant's `sources` (origin 6.3). A list of its own for each entry: no comma ever splits one (D41).

internal import SQLite
internal import Tenants

enum SourceEntry {
    /// `yaml:PATH`, `yaml://PATH`, `sqlite:PATH`, `sqlite-dsn:DSN`, or a path whose kind its name or content tells.
    static func parse(_ raw: String) throws(InvalidSetting) -> RegistrySource {
        let text = raw.trimmingBlanks
        let source: RegistrySource
        // The longer prefix first: a DSN is no path (D41).
        if let dsn = text.dropping("sqlite-dsn:") {
            do {
                source = RegistrySource(kind: .sqlite, path: try DSN.parse(dsn).path)
            } catch {
                // Without the text: a DSN may hold what nobody should read (D40).
                throw InvalidSetting("`sqlite-dsn:…`: \(error.reason)")
            }
        } else if let path = text.dropping("sqlite:") {
            source = RegistrySource(kind: .sqlite, path: path)
        } else if let path = text.dropping("yaml://") ?? text.dropping("yaml:") {
            source = RegistrySource(kind: .yaml, path: path)
        } else {
            source = RegistrySource(kind: nil, path: text)
        }
        guard !source.path.isEmpty else { throw InvalidSetting("`\(text)` names no file") }
        guard !source.path.utf8.contains(0), !source.path.hasSuffix("/") else {
            throw InvalidSetting("`\(text)` must name a file")
        }
        return source
    }
}

extension RegistrySource {
    /// The entry as `config show` prints it.
    var text: String { (kind.map { "\($0.rawValue):" } ?? "") + path }
}

extension String {
    fileprivate func dropping(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)).trimmingBlanks : nil
    }
}
