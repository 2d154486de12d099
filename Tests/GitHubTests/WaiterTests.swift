import Concurrency
import Foundation
import GitHub
import HTTPClient
import Testing

/// How many threads may wait for GitHub.
@Suite struct WaiterTests {
  private let world = ScriptedGitHub()

  /// Runs `work` while two threads wait for GitHub's answer.
  private func whileTwoWait(
    maximumWaiters: Int?, _ work: (GitHubClient) throws -> Void
  ) throws {
    let answers = DispatchSemaphore(value: 0)
    let asked = DispatchSemaphore(value: 0)
    let hasWaiters = Locked(false)
    let client = try world.client(maximumWaiters: maximumWaiters) { _ throws(HTTPClientError) in
      if !hasWaiters.withLock({ $0 }) {
        asked.signal()
        _ = answers.wait(timeout: .now() + 10)
      }
      return .registrationToken
    }
    try client.checkCredentials()
    let done = DispatchGroup()
    for _ in 0..<2 {
      done.enter()
      Thread.detachNewThread {
        _ = try? client.makeRegistrationToken()
        done.leave()
      }
    }
    for _ in 0..<2 { #expect(asked.wait(timeout: .now() + 10) == .success) }
    hasWaiters.withLock { $0 = true }
    defer {
      for _ in 0..<2 { answers.signal() }
      #expect(done.wait(timeout: .now() + 10) == .success)
    }
    try work(client)
  }

  @Test func `one more than may wait is told so at once`() throws {
    try whileTwoWait(maximumWaiters: 2) { client in
      let copy = client.limited(until: .now + .seconds(5))
      #expect(throws: GitHubError.tooManyWaiting) { try copy.makeRegistrationToken() }
      #expect(throws: GitHubError.tooManyWaiting) { try client.app() }
      #expect(world.calls.count == 2)
      // What asks whether the service is ready is not turned away.
      try client.checkCredentials()
    }
  }

  @Test func `a place that is held is for all calls, and one that is not there is said at once`()
    throws
  {
    try whileTwoWait(maximumWaiters: 2) { client in
      #expect(!client.hasPlace)
      let token = try client.holdingPlace { try $0.makeRegistrationToken() }
      #expect(token == nil)
      #expect(world.calls.count == 2)
    }
    try whileTwoWait(maximumWaiters: 3) { client in
      #expect(client.hasPlace)
      let token = try client.holdingPlace { placed in
        #expect(!client.hasPlace)
        #expect(throws: GitHubError.tooManyWaiting) { try client.makeRegistrationToken() }
        return try placed.makeRegistrationToken()
      }
      #expect(token != nil)
      #expect(client.hasPlace)
    }
    try whileTwoWait(maximumWaiters: nil) { client in
      let token = try client.holdingPlace { try $0.makeRegistrationToken() }
      #expect(token != nil)
    }
  }

  @Test func `as many as may wait do, and any number without a limit`() throws {
    try whileTwoWait(maximumWaiters: 3) { _ = try $0.makeRegistrationToken() }
    try whileTwoWait(maximumWaiters: nil) { _ = try $0.makeRegistrationToken() }
  }

  @Test func `whoever has waited leaves the place to the next`() throws {
    let client = try world.client(maximumWaiters: 1) { _ in .message(403, "no") }
    for _ in 0..<3 {
      let error = gitHubError { () throws(GitHubError) in try client.runnerPage() }
      #expect(error == .refused(status: 403, message: "no"))
    }
  }
}
