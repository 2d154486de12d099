import Concurrency
import Foundation
import StrictJSON
import TestSupport
import Testing

extension EndToEndTests {
  /// In a process of its own, where nothing else takes memory.
  @Test func `a provider that sends 50 MB does not make a worker grow`() throws {
    let flood = Flood()
    let provider = try LoopbackServer { _ in flood.answer() }
    defer { provider.stop() }
    let cluster = try Cluster(
      workerCount: 1, settings: ["OIDC_JWKS_URL": provider.url + "/jwks"], readyPath: "/health")
    let worker = try #require(cluster.workers.first)
    let alice = try cluster.token("alice")
    func me() throws -> Answer { try cluster.get("/api/v1/auth/me", token: alice) }

    // First the provider is merely broken, so that everything that a fetch needs is in memory.
    #expect(try me().problem == "503 IDENTITY_PROVIDER_UNAVAILABLE")
    let before = try Self.peakMemory(of: worker)
    flood.begin()
    // After a failed fetch the next waits some seconds.
    var problems: Set<String> = []
    _ = try eventually(seconds: 60) {
      problems.insert(try me().problem)
      return flood.count >= 1
    }
    #expect(flood.count >= 1)
    #expect(problems == ["503 IDENTITY_PROVIDER_UNAVAILABLE"])

    let keySet = try ChildProcess.run(
      "/usr/bin/curl",
      ["-fsS", "--max-time", "30", "http://127.0.0.1:\(cluster.simulatorPort)/oidc/jwks"])
    flood.end(withKeys: String(decoding: keySet, as: UTF8.self))
    let isServed = try eventually(seconds: 60) { try me().status == 200 }
    #expect(isServed)
    // One fetch at a time: the flood is over.
    #expect(try Self.peakMemory(of: worker) - before < 10 << 20)
    #expect(worker.isRunning)
  }

  /// The most that the process has ever had in memory, in bytes.
  private static func peakMemory(of process: ChildProcess) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(process.id)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return try #require(line.split(separator: " ").dropLast().last.flatMap { Int($0) }) << 10
  }
}

/// What the provider answers with: an error, then floods, then keys.
private final class Flood: Sendable {
  private enum Phase {
    case broken
    case flooding(count: Int)
    case over(keySet: String)
  }

  private let phase = Locked(Phase.broken)

  /// How many floods were sent.
  var count: Int {
    phase.withLock { phase in
      if case .flooding(let count) = phase { count } else { 0 }
    }
  }

  func begin() {
    phase.withLock { $0 = .flooding(count: 0) }
  }

  func end(withKeys keySet: String) {
    phase.withLock { $0 = .over(keySet: keySet) }
  }

  func answer() -> LoopbackServer.Answer {
    phase.withLock { phase in
      switch phase {
      case .broken:
        return .bytes("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
      case .flooding(let count):
        phase = .flooding(count: count + 1)
        // Without a length, so that it shows only on the way.
        return .raw(
          Array("HTTP/1.1 200 OK\r\n\r\n".utf8) + [UInt8](repeating: 0x20, count: 50 << 20))
      case .over(let keySet):
        let length = keySet.utf8.count
        return .bytes("HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\n\(keySet)")
      }
    }
  }
}
