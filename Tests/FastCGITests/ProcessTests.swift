import Foundation
import Testing

@testable import FastCGI

extension FastCGITests {
  /// What can only be tried in a process of its own.
  struct ProcessTests {
    @Test func `a shortage of descriptors delays connections and loses none`() async {
      await #expect(processExitsWith: .success) {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/s"
        var options = WorkerPool.Options()
        options.threads = 1
        let pool = try WorkerPool(
          listener: .bound(to: path), options: options, handler: TestHandler())
        var silent = try (0..<3).map { _ in try Client(path: path) }
        let client = try Client(path: path)
        client.send(Record.get())

        try leaveDescriptors(3)
        try pool.start()
        // The three silent connections take them all, and the fourth has to wait.
        usleep(1_500_000)
        var byte: UInt8 = 0
        #expect(recv(client.descriptor, &byte, 1, Int32(MSG_DONTWAIT)) == -1 && errno == EAGAIN)
        silent.removeLast(2)
        #expect(try client.readToEnd().status == "Status: 200 OK")
        #expect(pool.drain() == .drained)
      }
    }

    /// libfcgi 2.4.2 writes its answer to the fourth FCGI_MAX_CONNS over its stack. The first record of a connection is
    /// checked, the later ones are libfcgi's own. Whoever may connect to the socket can end the process in this way.
    @Test func `values asked for in the middle of a request do no harm`() async {
      await withKnownIssue {
        await #expect(processExitsWith: .success) {
          // The expected death should not wait for a backtrace.
          for number in [SIGABRT, SIGSEGV, SIGBUS] { signal(number, SIG_DFL) }
          let pool = try TestPool()
          let values = Record.encode(
            Record.getValues, Record.pairs(Array(repeating: ("FCGI_MAX_CONNS", ""), count: 4)),
            id: 0)
          _ = try pool.exchange(
            Record.begin() + values + Record.stream(Record.params, [])
              + Record.stream(Record.stdin, []))
          #expect(try pool.isAlive())
        }
      }
    }
  }
}

/// Lowers the limit of this process so that `count` more descriptors can be opened.
private func leaveDescriptors(_ count: Int32) throws {
  let numbers = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
  let highest = numbers.compactMap { Int32($0) }.max() ?? 2
  var filler: Int32
  repeat { filler = open("/dev/null", O_RDONLY | O_CLOEXEC) } while filler < highest && filler >= 0
  close(filler)
  var limit = rlimit()
  getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  limit.rlim_cur = rlim_t(filler + count)
  setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}
