import Concurrency
import Foundation
import HTTPClient
import TestSupport
import Testing

@testable import GitHub

/// The circuit breaker: as a state machine, and around a client.
@Suite struct CircuitTests {
  private func opened() throws -> Circuit {
    var circuit = Circuit()
    for _ in 0..<5 { circuit.leave(try circuit.enter(at: .zero), .failing, at: .zero) }
    return circuit
  }

  private func retryAfter(_ circuit: inout Circuit, at now: Duration) -> Duration? {
    do {
      _ = try circuit.enter(at: now)
      return nil
    } catch {
      return error.retryAfter
    }
  }

  @Test func `five failures in a row open it, four and a success do not`() throws {
    var circuit = Circuit()
    for outcome in [
      .failing, .failing, .failing, .failing, .working, .failing, .failing, .failing, .failing,
    ] as [Circuit.Outcome] {
      circuit.leave(try circuit.enter(at: .zero), outcome, at: .zero)
    }
    circuit.leave(try circuit.enter(at: .zero), .failing, at: .zero)
    #expect(retryAfter(&circuit, at: .zero) == .seconds(10))
    #expect(retryAfter(&circuit, at: .seconds(4)) == .seconds(6))
  }

  @Test func `what shows nothing about the host counts neither way`() throws {
    var circuit = Circuit()
    for _ in 0..<4 { circuit.leave(try circuit.enter(at: .zero), .failing, at: .zero) }
    for _ in 0..<9 { circuit.leave(try circuit.enter(at: .zero), .unknown, at: .zero) }
    #expect(retryAfter(&circuit, at: .zero) == nil)
    circuit.leave(try circuit.enter(at: .zero), .failing, at: .zero)
    #expect(retryAfter(&circuit, at: .zero) != nil)
  }

  @Test func `after the pause one probe is let through and the others still fail`() throws {
    var circuit = try opened()
    let probe = try circuit.enter(at: .seconds(10))
    #expect(probe.isProbe)
    #expect(retryAfter(&circuit, at: .seconds(10)) == .seconds(1))
    circuit.leave(probe, .working, at: .seconds(11))
    #expect(try !circuit.enter(at: .seconds(11)).isProbe)
  }

  @Test func `when nobody has asked for long all may, and one failure opens it again`() throws {
    var circuit = try opened()
    let passes = try (0..<3).map { _ in try circuit.enter(at: .seconds(20)) }
    #expect(passes.allSatisfy { !$0.isProbe })
    circuit.leave(passes[0], .failing, at: .seconds(21))
    #expect(retryAfter(&circuit, at: .seconds(21)) == .seconds(10))
    // And one that is answered closes it.
    let late = try circuit.enter(at: .seconds(41))
    circuit.leave(late, .working, at: .seconds(41))
    circuit.leave(try circuit.enter(at: .seconds(41)), .failing, at: .seconds(41))
    #expect(retryAfter(&circuit, at: .seconds(41)) == nil)
  }

  @Test func `the pause doubles with each probe that fails, to two minutes`() throws {
    var circuit = try opened()
    var now: Duration = .seconds(10)
    for seconds in [20, 40, 80, 120, 120] {
      circuit.leave(try circuit.enter(at: now), .failing, at: now)
      #expect(retryAfter(&circuit, at: now) == .seconds(seconds))
      now += .seconds(seconds)
    }
    circuit.leave(try circuit.enter(at: now), .working, at: now)
    for _ in 0..<5 { circuit.leave(try circuit.enter(at: now), .failing, at: now) }
    #expect(retryAfter(&circuit, at: now) == .seconds(10))
  }

  @Test func `a probe that was given up leaves the next one to be made at once`() throws {
    var circuit = try opened()
    circuit.leave(try circuit.enter(at: .seconds(10)), .unknown, at: .seconds(12))
    #expect(try circuit.enter(at: .seconds(12)).isProbe)
  }

  @Test func `a request from before the opening has no say in it`() throws {
    var circuit = Circuit()
    let late = [try circuit.enter(at: .zero), try circuit.enter(at: .zero)]
    for _ in 0..<5 { circuit.leave(try circuit.enter(at: .zero), .failing, at: .zero) }
    circuit.leave(late[0], .working, at: .seconds(1))
    #expect(retryAfter(&circuit, at: .seconds(1)) == .seconds(9))
    let probe = try circuit.enter(at: .seconds(10))
    circuit.leave(late[1], .failing, at: .seconds(10))
    circuit.leave(probe, .working, at: .seconds(10))
    #expect(retryAfter(&circuit, at: .seconds(10)) == nil)
  }

  // MARK: - Around a client

  private let world = ScriptedGitHub()

  @Test func `a host that is down is left alone, and found well again by one probe`() throws {
    let isDown = Locked(true)
    let client = try world.client { _ throws(HTTPClientError) in
      if isDown.withLock({ $0 }) { throw .timedOut }
      return .registrationToken
    }
    for _ in 0..<5 { #expect(throws: GitHubError.self) { try client.makeRegistrationToken() } }
    let sent = world.requests.count
    let copy = client.limited(until: .now + .seconds(20))
    let error = gitHubError { () throws(GitHubError) in try copy.makeRegistrationToken() }
    guard case .unavailable(_, mayHaveActed: false, let seconds?) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect((1...10).contains(seconds))
    #expect(world.requests.count == sent)

    world.clock.advance(by: 10.5)
    #expect(throws: GitHubError.self) { try client.makeRegistrationToken() }
    // The probe is one request, and is not repeated.
    #expect(world.requests.count == sent + 1)

    world.clock.advance(by: 20.5)
    isDown.withLock { $0 = false }
    #expect(try client.makeRegistrationToken().token == "AABF")
    #expect(try client.makeRegistrationToken().token == "AABF")
  }

  @Test(arguments: [401, 403, 404, 422, 429])
  func `refusals do not open it`(status: Int) throws {
    let client = try world.client { _ in .json(status, "{}") }
    for _ in 0..<8 {
      _ = try? client.runnerPage()
      world.clock.advance(by: 3600)
    }
    #expect(world.calls.count >= 8)
  }

  @Test func `a budget too short for anybody says nothing about GitHub`() throws {
    let client = try world.client { _ throws(HTTPClientError) in throw .timedOut }
    try client.checkCredentials()
    for _ in 0..<8 {
      _ = try? client.limited(until: .now + .milliseconds(300)).makeRegistrationToken()
    }
    #expect(world.calls.count == 8)
  }
}
