import Glibc
import JSON
import Synchronization

/// The file that says which process owns a data directory or a single registry file.
///
/// Held with `flock` for the life of the process, so it vanishes with it however it ends. It tells others the owner's
/// pid and URL, and a random token that lets the CLI act as operator while the server runs (gateway.md §2); 0600.
package final class OwnershipLock: Sendable {
    /// What the owner wrote.
    package struct Owner: Sendable, Equatable {
        package var pid: Int32
        package var url: String?
        package var token: String?
        /// Who answers there where no tenant is named, and whose a registry file elsewhere is.
        package var defaultTenant: String?

        package init(pid: Int32, url: String? = nil, token: String? = nil, defaultTenant: String? = nil) {
            self.pid = pid
            self.url = url
            self.token = token
            self.defaultTenant = defaultTenant
        }
    }

    package let path: String
    /// Nil once the lock was released.
    private let descriptor: Mutex<Int32?>

    /// Takes the lock without waiting; throws `inUseByProcess` naming the owner. Blocks as files do.
    package init(path: String, owner: Owner) throws(RegistryError) {
        _ = try FileSystem.checkFile(path)
        let opened = open(path, O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw FileSystem.failure(errno, "open", path) }
        let code = Self.take(opened)
        guard code == 0 else {
            close(opened)
            guard code == EWOULDBLOCK else { throw FileSystem.failure(code, "lock", path) }
            let present = Self.owner(of: path)
            throw .inUseByProcess(path: path, pid: present?.pid, url: present?.url)
        }
        // A file that was there may be readable by others, and the token goes into it.
        guard fchmod(opened, 0o600) == 0 else {
            let code = errno
            close(opened)
            throw FileSystem.failure(code, "set the permissions of", path)
        }
        self.path = path
        self.descriptor = Mutex(opened)
        try publish(owner)
    }

    /// Takes the lock unless there is an owner; returns what the system says against it, or 0.
    ///
    /// Who only looks has a shared lock for a moment, which is no reason to give up; who keeps one for seconds does not
    /// only look.
    private static func take(_ descriptor: Int32) -> Int32 {
        for _ in 0..<5_000 {
            guard flock(descriptor, LOCK_EX | LOCK_NB) != 0 else { return 0 }
            guard errno == EWOULDBLOCK, flock(descriptor, LOCK_SH | LOCK_NB) == 0 else { return errno }
            flock(descriptor, LOCK_UN)
            usleep(1_000)
        }
        return EWOULDBLOCK
    }

    deinit {
        release()
    }

    /// Lets others take the lock; the file stays, saying what it said.
    package func release() {
        descriptor.withLock { descriptor in
            guard let open = descriptor else { return }
            // Closing alone would leave the lock to a child process that has not reached its exec yet.
            flock(open, LOCK_UN)
            close(open)
            descriptor = nil
        }
    }

    /// Rewrites what the file says, such as the URL once the listener is up.
    package func publish(_ owner: Owner) throws(RegistryError) {
        var document = JSONObject()
        document["pid"] = .number(JSONNumber(Int(owner.pid)))
        document["url"] = owner.url.map { .string($0) }
        document["token"] = owner.token.map { .string($0) }
        document["default_tenant"] = owner.defaultTenant.map { .string($0) }
        let bytes = JSONValue.object(document).encoded() + [UInt8(ascii: "\n")]
        let code = descriptor.withLock { descriptor -> Int32 in
            guard let open = descriptor else { return EBADF }
            return ftruncate(open, 0) == 0 && pwrite(open, bytes, bytes.count, 0) == bytes.count ? 0 : errno
        }
        guard code == 0 else { throw FileSystem.failure(code, "write", path) }
    }

    /// What the lock file says; nil when there is none or it cannot be read. It may be of an owner that is gone:
    /// `holder` tells.
    package static func owner(of path: String) -> Owner? {
        guard let bytes = try? FileSystem.read(path), let value = try? JSONValue(parsing: bytes),
            let object = value.objectValue, let pid = object["pid"]?.numberValue?.int64
        else { return nil }
        return Owner(
            pid: Int32(clamping: pid), url: object["url"]?.stringValue, token: object["token"]?.stringValue,
            defaultTenant: object["default_tenant"]?.stringValue)
    }

    /// Who holds a lock now.
    package enum Holder: Sendable, Equatable {
        case nobody
        /// Nil while what the owner writes is not there yet.
        case process(Owner?)
    }

    /// Looks without waiting. Blocks as files do.
    ///
    /// - Throws: `storage` when this user may not look.
    package static func holder(of path: String) throws(RegistryError) -> Holder {
        let opened = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return .nobody }
            throw FileSystem.failure(errno, "open", path)
        }
        defer { close(opened) }
        // Shared, so that nobody who looks as well takes this for an owner's.
        guard flock(opened, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK else { return .nobody }
        return .process(owner(of: path))
    }
}
