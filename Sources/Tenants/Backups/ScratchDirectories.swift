import Glibc

/// Directories for copies that are looked at and thrown away, below one root in a data directory that this process owns.
package enum ScratchDirectories {
    /// Tells this process's directories from those that a killed one left.
    private static let run = String(UInt64.random(in: .min ... .max), radix: 16)

    /// Makes one, and removes those of processes that are gone. Blocks.
    package static func make(in root: String) throws(RegistryError) -> String {
        try FileSystem.makeDirectory(root)
        for name in try FileSystem.names(in: root) where !name.hasPrefix(run + "-") {
            if FileStatus("\(root)/\(name)")?.kind == .directory { try remove("\(root)/\(name)") }
        }
        let path = "\(root)/\(run)-\(String(UInt64.random(in: .min ... .max), radix: 16))"
        try FileSystem.makeDirectory(path)
        return path
    }

    /// Removes one with everything in it. Blocks.
    package static func remove(_ path: String) throws(RegistryError) {
        for name in try FileSystem.names(in: path) {
            let inner = path + "/" + name
            if FileStatus(inner)?.kind == .directory { try remove(inner) } else { try FileSystem.removeOwn(inner) }
        }
        guard rmdir(path) == 0 else { throw FileSystem.failure(errno, "remove", path) }
    }
}
