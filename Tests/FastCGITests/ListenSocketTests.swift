import Concurrency
import Foundation
import Testing

@testable import FastCGI

extension FastCGITests {
  struct ListenSocketTests {
    @Test func `a new socket is for owner and group only and does not block`() throws {
      try withDirectory { directory in
        let socket = try ListenSocket.bound(to: directory + "/s")
        defer { close(socket.descriptor) }
        let attributes = try FileManager.default.attributesOfItem(atPath: directory + "/s")
        #expect(attributes[.posixPermissions] as? Int == 0o660)
        #expect(fcntl(socket.descriptor, F_GETFL) & O_NONBLOCK != 0)
        #expect(fcntl(socket.descriptor, F_GETFD) & FD_CLOEXEC != 0)
      }
    }

    @Test
    func `accepting from a shared socket does not wait though somebody made it a blocking one`()
      throws
    {
      try withDirectory { directory in
        let own = try ListenSocket.bound(to: directory + "/s")
        defer { close(own.descriptor) }
        let descriptor = try ListenSocket.shared(own.descriptor).descriptor
        // As systemd does when it starts the next worker.
        let flags = fcntl(descriptor, F_GETFL)
        #expect(fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) == 0)
        let outcome = Locked<Int32?>(nil)
        let thread = startThread {
          let connection = accept(descriptor, nil, nil)
          outcome.withLock { $0 = connection < 0 ? errno : 0 }
        }
        #expect(eventually { outcome.withLock { $0 } == EAGAIN })
        // Ends the thread if it waits after all.
        let client = try Client(path: directory + "/s")
        thread.wait()
        withExtendedLifetime(client) {}
      }
    }

    @Test func `a dead socket is replaced`() throws {
      try withDirectory { directory in
        let dead = try ListenSocket.bound(to: directory + "/s")
        close(dead.descriptor)
        #expect(throws: ClientError.self) { try Client(path: directory + "/s") }
        let socket = try ListenSocket.bound(to: directory + "/s")
        defer { close(socket.descriptor) }
        #expect(throws: Never.self) { try Client(path: directory + "/s") }
      }
    }

    @Test func `a live socket is refused and stays`() throws {
      try withDirectory { directory in
        let live = try ListenSocket.bound(to: directory + "/s")
        defer { close(live.descriptor) }
        #expect { try ListenSocket.bound(to: directory + "/s") } throws: { error in
          (error as? SystemCallError)?.code == EADDRINUSE
        }
        #expect(throws: Never.self) { try Client(path: directory + "/s") }
      }
    }

    @Test func `a live socket whose backlog is full is refused at once`() throws {
      try withDirectory { directory in
        let live = try ListenSocket.bound(to: directory + "/s", backlog: 0)
        defer { close(live.descriptor) }
        let waiting = try Client(path: directory + "/s")
        #expect { try ListenSocket.bound(to: directory + "/s") } throws: { error in
          (error as? SystemCallError)?.code == EADDRINUSE
        }
        withExtendedLifetime(waiting) {}
      }
    }

    @Test func `a file that is no socket is refused and stays`() throws {
      try withDirectory { directory in
        let path = directory + "/precious"
        try Data("content".utf8).write(to: URL(filePath: path))
        #expect(throws: SystemCallError.self) { try ListenSocket.bound(to: path) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "content")
        #expect(throws: SystemCallError.self) { try ListenSocket.bound(to: directory) }
      }
    }

    @Test func `a path that cannot be bound is refused with its reason`() throws {
      try withDirectory { directory in
        let long = directory + "/" + String(repeating: "x", count: 108)
        for (path, code) in [(directory + "/none/s", ENOENT), (long, ENAMETOOLONG)] {
          #expect { try ListenSocket.bound(to: path) } throws: { error in
            (error as? SystemCallError)?.code == code
          }
        }
      }
    }

    @Test func `standard input that is no listening socket is refused`() {
      #expect(throws: SystemCallError.self) { try ListenSocket.standardInput() }
    }

    private func withDirectory(_ body: (String) throws -> Void) throws {
      let directory = try TemporaryDirectory()
      try body(directory.path)
    }
  }
}
