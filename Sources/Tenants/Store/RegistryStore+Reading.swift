extension RegistryStore {
    /// Opens the file if it is closed and takes in what others did to it, so that a reader can be opened beside it.
    ///
    /// Writes nothing: a file that was closed clean is clean when it is closed again. Throws as `open` does.
    func openForReading() throws(RegistryError) {
        _ = try openCurrentWriter()
    }
}
