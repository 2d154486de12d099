import Foundation
import GitHub
import Logging
import Runners
import Storage
import StrictJSON
import TestSupport
import Testing

@testable import Maintenance
@testable import TokenService

extension World {
  /// The maintenance process's work on this world.
  func maintenance(
    unmanagedRunners: UnmanagedRunners = .alert, staleAfterHours: Int = 24
  ) -> Maintenance {
    Maintenance(
      options: .init(
        organization: "demo-org", installationID: 67890, staleAfterHours: staleAfterHours,
        unmanagedRunners: unmanagedRunners),
      github: service.github, database: database, auditFile: service.auditFile,
      logger: service.logger, now: clock.now)
  }

  /// A sync that is done, some seconds after whatever came before.
  @discardableResult
  func sync(
    _ maintenance: Maintenance? = nil, isDryRun: Bool = false
  ) throws -> SyncReport {
    clock.advance(by: 1)
    switch try (maintenance ?? self.maintenance()).sync(isDryRun: isDryRun) {
    case .done(let report): return report
    case .paused(let reason, _):
      throw Unexpected(description: reason)
    }
  }

  struct Unexpected: Error, CustomStringConvertible {
    let description: String
  }

  /// Somebody provisions a runner and registers it with the labels given.
  func register(
    _ name: String = "ci-1", granted: String = #"["gpu"]"#, taken: String? = nil,
    members: String = #","ephemeral":true"#
  ) throws {
    let answer = try provision(#"{"runner_name":"\#(name)","labels":\#(granted)}"#)
    let token = try #require(try answer.object["registration_token"]?.string, "\(answer.text)")
    try control(
      "POST", "/runners/register",
      #"{"token":"\#(token)","name":"\#(name)","labels":\#(taken ?? granted)\#(members)}"#)
    try control("POST", "/runners/\(name)/status", #"{"status":"online"}"#)
  }

  func runner(_ name: String) throws -> Runners.Runner {
    let all = try database.read {
      try $0.runners.page(of: nil, organization: "demo-org", matching: RunnerFilter(limit: 1000))
        .runners
    }
    return try #require(all.first { $0.name.description == name })
  }

  func securityEvents(_ kind: SecurityEvent.Kind) throws -> [SecurityRecord] {
    try database.read {
      try $0.securityEvents.page(matching: SecurityEventFilter(kind: kind)).events
    }
  }

  func auditLines(_ kind: String) throws -> [JSONObject] {
    try auditLines().filter { $0["event_type"]?.string == kind }
  }

  func githubHas(_ name: String) throws -> Bool {
    try service.github.runner(name: name) != nil
  }
}
