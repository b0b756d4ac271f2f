import GatewayTestSupport
import Glibc
import Synchronization
import Testing

@testable import Tenants

/// What becomes of work on threads when the system gives none.
struct ThreadTests {
    @Test func `a system that gives no threads is named, and nobody waits for them`() async {
        // In a process of its own: the limit is the whole process's.
        await #expect(processExitsWith: .success) {
            let before = try threadCount()
            try leaveRoom(megabytes: 100)
            let error = #expect(throws: RegistryError.self) { try BlockingPool(threads: 200, name: "many") }
            #expect(error?.message.contains("gives no thread for many-") == true, "\(error?.message ?? "")")
            #expect(try threadCount() == before)
            // The room that is left is taken, so that here is none either.
            var taken: [PlainThread] = []
            let gate = Gate()
            while let thread = try? PlainThread(name: "taken", { gate.wait() }) { taken.append(thread) }
            let isDone = Atomic<Bool>(false)
            await PlainThread.run(name: "stop") { isDone.store(true, ordering: .relaxed) }
            let wasRun = isDone.load(ordering: .relaxed)
            #expect(wasRun)
            gate.open()
            for thread in taken { thread.join() }
        }
    }
}

/// Threads of the pool that there are still.
private func threadCount() throws -> Int {
    try FileSystem.names(in: "/proc/self/task").filter {
        let name = String(decoding: try FileSystem.read("/proc/self/task/\($0)/comm") ?? [], as: UTF8.self)
        return name.hasPrefix("many-")
    }.count
}

/// Bounds the process's address space to what it has and a little more: a thread's stack takes 8 MiB of it.
private func leaveRoom(megabytes: UInt) throws {
    let pages = try FileSystem.read("/proc/self/statm") ?? []
    let size = try #require(UInt(String(decoding: pages, as: UTF8.self).prefix { $0 != " " })) * UInt(getpagesize())
    var limit = rlimit(rlim_cur: size + megabytes << 20, rlim_max: size + megabytes << 20)
    try #require(setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0)
}
