import Concurrency
import TestSupport
import Testing

@testable import Systemd

@Suite struct SupervisionTests {
  private let listener: NotificationListener
  private let complaints = Locked<[String]>([])

  init() throws {
    listener = try NotificationListener()
  }

  /// Under a systemd that listens, and waits for news within three seconds.
  private func supervision(_ changes: [String: String] = [:]) throws -> Supervision {
    let complaints = complaints
    let variables = ["NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "3000000"]
    return try Supervision(environment: variables.merging(changes) { $1 }, processID: 42) { text in
      complaints.withLock { $0.append(text) }
    }
  }

  private var said: [String] { complaints.withLock { $0 } }

  @Test func `a start, a life and an end are told`() throws {
    let supervision = try supervision()
    supervision.ready("Started")
    supervision.report(.well("Serving"))
    supervision.stopping("Ending")
    #expect(
      listener.received() == [
        "READY=1\nSTATUS=Started", "WATCHDOG=1\nSTATUS=Serving", "STOPPING=1\nSTATUS=Ending",
      ])
    #expect(said.isEmpty)
  }

  @Test func `a process that is stuck does not feed the watchdog, until it goes on`() throws {
    let supervision = try supervision()
    supervision.report(.stuck("1 of 2 threads"))
    supervision.report(.stuck("1 of 2 threads"))
    #expect(
      listener.received()
        == ["STATUS=Stuck: 1 of 2 threads", "STATUS=Stuck: 1 of 2 threads"])
    // Once, not each time.
    #expect(said == ["stuck: 1 of 2 threads"])
    supervision.report(.well("Serving"))
    #expect(listener.received() == ["WATCHDOG=1\nSTATUS=Serving"])
    supervision.report(.stuck("1 of 2 threads"))
    #expect(said == ["stuck: 1 of 2 threads", "stuck: 1 of 2 threads"])
  }

  @Test func `without a watchdog only the status is told`() throws {
    let supervision = try supervision(["WATCHDOG_USEC": "0"])
    supervision.report(.well("Serving"))
    #expect(listener.received() == ["STATUS=Serving"])
  }

  @Test(arguments: [[:], ["NOTIFY_SOCKET": ""], ["WATCHDOG_USEC": "3000000"]])
  func `without a socket nothing happens`(environment: [String: String]) throws {
    let complaints = complaints
    let supervision = try Supervision(environment: environment, processID: 42) { text in
      complaints.withLock { $0.append(text) }
    }
    supervision.ready("Started")
    supervision.report(.stuck("all"))
    supervision.stopping("Ending")
    #expect(supervision.interval == nil)
    #expect(said.isEmpty)
  }

  @Test func `a socket that nobody listens on is complained of once`() throws {
    let supervision = try supervision(["NOTIFY_SOCKET": listener.address + ".gone"])
    supervision.ready("Started")
    supervision.report(.well("Serving"))
    #expect(said.count == 1)
    #expect(said.first?.hasPrefix("systemd cannot be told: sendto") == true)
  }

  @Test func `an address that is none keeps the process from starting`() {
    #expect(throws: NotificationSocket.Failure.self) {
      try supervision(["NOTIFY_SOCKET": "nonsense"])
    }
  }

  @Test(arguments: [
    ("60000000", Duration.seconds(10)), ("3000000", .seconds(1)), ("nonsense", .seconds(10)),
  ])
  func `news come three times within the watchdog's time and every ten seconds`(
    microseconds: String, interval: Duration
  ) throws {
    #expect(try supervision(["WATCHDOG_USEC": microseconds]).interval == interval)
  }

  @Test(
    arguments: [
      ([:], nil), (["WATCHDOG_USEC": "1"], .microseconds(1)), (["WATCHDOG_USEC": "0"], nil),
      (["WATCHDOG_USEC": "-1"], nil), (["WATCHDOG_USEC": "x"], nil),
      (["WATCHDOG_USEC": "1", "WATCHDOG_PID": "42"], .microseconds(1)),
      (["WATCHDOG_USEC": "1", "WATCHDOG_PID": "43"], nil), (["WATCHDOG_PID": "42"], nil),
    ] as [([String: String], Duration?)])
  func `the watchdog's time is for the process that it names`(
    environment: [String: String], expected: Duration?
  ) {
    #expect(WatchdogTime.read(from: environment, processID: 42) == expected)
  }
}
