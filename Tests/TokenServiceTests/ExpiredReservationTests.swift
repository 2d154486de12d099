import GitHub
import HTTPClient
import Runners
import Storage
import TestSupport
import Testing

@testable import Maintenance
@testable import TokenService

/// What becomes of a reservation whose worker never came back, and of what that worker left at GitHub.
@Suite struct ExpiredReservationTests {
  private func leaveReservation(
    _ world: World, _ provisioning: Provisioning, name: String = "jit-1"
  ) throws {
    let time = Timestamp(world.clock.date)
    try world.database.write { transaction in
      try transaction.runners.insert(
        MaintenanceSyncTests.row(
          name, githubID: nil, at: time, status: .pending, provisioning: provisioning,
          pendingFor: 30))
    }
  }

  @Test func `a reservation is released when its time is over, and not before`() throws {
    let world = try World()
    try leaveReservation(world, .registrationToken)
    try world.maintenance().releaseExpiredReservations()
    #expect(try world.runner("jit-1").status == .pending)
    world.clock.advance(by: 31)
    try world.maintenance().releaseExpiredReservations()
    #expect(try world.runner("jit-1").deletionReason == .reservationExpired)
    #expect(world.calls("/actions/runners") == 0)
    #expect(try world.auditLines("status_change").count == 1)
  }

  @Test func `what a dead worker left at GitHub goes with its reservation`() throws {
    let world = try World()
    try leaveReservation(world, .jit)
    _ = try world.service.github.makeJITConfiguration(
      name: "jit-1", runnerGroupID: 1, labels: ["self-hosted", "gpu"], workFolder: "_work")
    world.clock.advance(by: 31)
    try world.maintenance().releaseExpiredReservations()
    #expect(try !world.githubHas("jit-1"))
    #expect(try world.runner("jit-1").deletionReason == .reservationExpired)
  }

  @Test func `another's runner of that name stays`() throws {
    let world = try World()
    try leaveReservation(world, .jit)
    try world.control(
      "POST", "/runners/many", #"{"count":1,"prefix":"jit","labels":["gpu"]}"#)
    _ = try world.service.github.makeJITConfiguration(
      name: "jit-1", runnerGroupID: 1, labels: ["self-hosted", "other"], workFolder: "_work")
    world.clock.advance(by: 31)
    try world.maintenance().releaseExpiredReservations()
    #expect(try world.githubHas("jit-1"))
    #expect(try world.runner("jit-1").deletionReason == .reservationExpired)
  }

  @Test func `while GitHub cannot be asked a JIT reservation stays`() throws {
    let world = try World()
    try leaveReservation(world, .jit)
    world.clock.advance(by: 31)
    world.fail("/actions/runners", .timedOut)
    #expect(throws: (any Error).self) { try world.maintenance().releaseExpiredReservations() }
    #expect(try world.runner("jit-1").status == .pending)
  }
}
