import Concurrency
import Foundation
import Testing

@testable import FastCGI

extension FastCGITests {
  /// Many connections: none lost, none left open.
  struct LoadTests {
    @Test func `of five thousand short connections none is lost`() throws {
      try withPool(threads: 8) { pool throws in
        let path = pool.path
        let failures = Locked(0)
        onThreads(10) { _ in
          for _ in 0..<500 {
            let answer = try? {
              let client = try Client(path: path)
              client.send(Record.get())
              return try client.readToEnd()
            }()
            if answer?.status != "Status: 200 OK" { failures.withLock { $0 += 1 } }
          }
        }
        #expect(failures.withLock { $0 } == 0)
        #expect(pool.handler.requestCount == 5_000)
      }
    }

    @Test func `connections of every kind at once leave no descriptor behind`() async {
      // In a process of its own: other tests open descriptors too.
      await #expect(processExitsWith: .success) {
        // libfcgi and the Swift runtime open what they open once.
        try withPool { pool throws in #expect(try pool.isAlive()) }
        let before = try descriptors()
        try withPool(threads: 4, handler: TestHandler(limit: 100)) { pool throws in
          let path = pool.path
          let failures = Locked(0)
          onThreads(8) { index in
            for round in 0..<100 {
              guard let client = try? Client(path: path) else {
                failures.withLock { $0 += 1 }
                continue
              }
              switch (index + round) % 8 {
              case 0: client.send([1, 2, 3])
              case 1: client.send(Record.begin())
              case 2: break
              case 3: client.send(Record.begin() + Record.encode(Record.abortRequest))
              case 4: client.send(Record.post([UInt8](repeating: 1, count: 5_000)))
              case 5: client.send(Record.get())
              default:
                client.send(Record.get())
                if (try? client.readToEnd().status) != "Status: 200 OK" {
                  failures.withLock { $0 += 1 }
                }
              }
            }
          }
          #expect(failures.withLock { $0 } == 0)
          #expect(try eventually { try pool.openSockets() == 1 })
        }
        // The pool's epoll and eventfd go with its last thread.
        #expect(try eventually { try descriptors().isSubset(of: before) })
      }
    }

    @Test func `a pool that is gone leaves no descriptor behind`() throws {
      try withPool { pool throws in #expect(try pool.isAlive()) }
      weak var pool: WorkerPool?
      do {
        let test = try TestPool()
        pool = test.pool
        #expect(try test.isAlive())
        #expect(test.pool.drain() == .drained)
      }
      #expect(eventually { pool == nil })
    }
  }
}

/// The descriptors of this process that a pool could have opened, by number and kind.
private func descriptors() throws -> Set<String> {
  let folder = "/proc/self/fd"
  let numbers = try FileManager.default.contentsOfDirectory(atPath: folder)
  return Set(
    numbers.compactMap { number in
      let target = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "\(folder)/\(number)")
      guard let target, target.hasPrefix("socket:") || target.hasPrefix("anon_inode:") else {
        return nil
      }
      return "\(number) \(target)"
    })
}
