import Concurrency
import Dispatch
import Foundation
import Testing

@testable import FastCGI

extension FastCGITests {
  /// What happens at the edges that a pool does not reach in a test: no room for another connection.
  struct ConnectionSetTests {
    private static let deadlines = ConnectionSet.Deadlines(
      idle: .seconds(60), reading: .seconds(60), writing: .seconds(60), turn: .seconds(60))

    @Test func `at capacity the connection that has been silent longest makes room`() throws {
      try withSet(capacity: 2) { set, path in
        let taken = Locked<[Int32]>([])
        let worker = startThread {
          while let connection = set.next() {
            taken.withLock { $0.append(connection.descriptor) }
            set.close(connection)
          }
        }
        let first = try Client(path: path)
        let second = try Client(path: path)
        let third = try Client(path: path)
        #expect(try first.readToEnd().isEmpty)
        for client in [second, third] { client.send(Record.get()) }
        #expect(eventually { taken.withLock { $0.count } == 2 })
        set.drain()
        set.finish()
        worker.wait()
      }
    }

    @Test func `at capacity with no silent connection the next one waits its turn`() throws {
      try withSet(capacity: 1) { set, path in
        let first = try Client(path: path)
        first.send(Record.get())
        let held = try #require(set.next())
        let second = try Client(path: path)
        second.send(Record.get())
        let isTaken = Locked(false)
        let worker = startThread {
          guard let connection = set.next() else { return }
          isTaken.withLock { $0 = true }
          set.close(connection)
        }
        usleep(200_000)
        #expect(!isTaken.withLock { $0 })
        set.close(held)
        #expect(eventually { isTaken.withLock { $0 } })
        worker.wait()
        #expect(try second.readToEnd().isEmpty)
      }
    }

    @Test func `a connection whose request has arrived does not make room`() throws {
      try withSet(capacity: 2) { set, path in
        let early = try Client(path: path)
        let busy = try Client(path: path)
        busy.send(Record.get())
        // Takes in the silent connection on its way.
        let held = try #require(set.next())
        let late = try Client(path: path)
        late.send(Record.get())
        early.send(Record.get())
        let served = Locked(0)
        let worker = startThread {
          while let connection = set.next() {
            served.withLock { $0 += 1 }
            set.close(connection)
          }
        }
        #expect(eventually { served.withLock { $0 } == 2 })
        set.close(held)
        set.drain()
        set.finish()
        worker.wait()
      }
    }

    /// The kernel may have told this set, and none that shares the listener, of the connection.
    @Test func `a drain takes along the connection that the set was woken for`() throws {
      try withSet(capacity: 4) { set, path in
        let client = try Client(path: path)
        client.send(Record.get())
        set.drain()
        #expect(!set.isQuiet)
        let connection = try #require(set.next())
        set.close(connection)
        #expect(set.isQuiet)
        let late = try Client(path: path)
        late.send(Record.get())
        set.finish()
        #expect(set.next() == nil)
      }
    }

    @Test func `with as many waiting as may, the next is turned away even if a place is free`()
      throws
    {
      try withSet(capacity: 8) { set, path in
        var clients: [Client] = []
        func nextRequest() throws -> ConnectionSet.Connection {
          let client = try Client(path: path)
          client.send(Record.get())
          clients.append(client)
          return try #require(set.next())
        }
        for number in 0..<4 {
          let connection = try nextRequest()
          #expect(set.beginHandling(connection) == (number == 0 ? .next : .behindOthers))
          #expect(set.setAside(connection))
        }
        let oneMore = try nextRequest()
        #expect(set.beginHandling(oneMore) == .turnedAway)
        set.close(oneMore)
        set.giveTurn()
        let first = try #require(set.next())
        #expect(set.beginHandling(first) == .next)
        set.close(first)
      }
    }

    @Test func `a set that has finished gives out nothing`() throws {
      try withSet(capacity: 4) { set, path in
        set.drain()
        set.finish()
        #expect(set.next() == nil)
        #expect(set.next() == nil)
      }
    }

    private func withSet(capacity: Int, _ body: (ConnectionSet, String) throws -> Void) throws {
      let path = "/tmp/fastcgi-set-\(UUID().uuidString).sock"
      let listener = try ListenSocket.bound(to: path)
      defer {
        close(listener.descriptor)
        unlink(path)
      }
      let set = try ConnectionSet(
        listener: listener.descriptor, capacity: capacity, bodyLimit: 65_536, largeBodies: 4,
        waitingTurns: 4, deadlines: Self.deadlines)
      try body(set, path)
    }
  }
}
