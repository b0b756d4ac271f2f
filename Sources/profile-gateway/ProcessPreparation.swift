// What the process needs of the system before anything is opened: standard descriptors that exist, enough
// descriptors, files that nobody else can read.

import Glibc
import Logging

enum ProcessPreparation {
    /// Opens `/dev/null` on any of descriptors 0–2 that the parent closed: else the next file opened (a database!)
    /// would get that number, and a log line would be written into it.
    static func protectStandardDescriptors() {
        while true {
            let descriptor = open("/dev/null", O_RDWR)
            if descriptor < 0 { return }
            if descriptor > 2 {
                close(descriptor)
                return
            }
        }
    }

    /// Everything we create is ours alone, whatever the caller's umask.
    static func restrictFileModes() {
        umask(0o077)
    }

    /// Raises the soft limit of open files to the hard one; 512 open tenants alone need thousands.
    static func raiseDescriptorLimit(needed: Int, log: Logger) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            log.warning("cannot read the limit of open files", metadata: ["errno": .stringConvertible(errno)])
            return
        }
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 {
                log.warning("cannot raise the limit of open files", metadata: ["errno": .stringConvertible(errno)])
                return
            }
        }
        if limit.rlim_max < rlim_t(needed) {
            log.warning(
                "the hard limit of open files is low: raise it (LimitNOFILE=) or lower connections.total",
                metadata: ["limit": "\(limit.rlim_max)", "needed": "\(needed)"])
        }
    }
}
