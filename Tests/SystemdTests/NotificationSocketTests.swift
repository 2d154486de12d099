import TestSupport
import Testing

@testable import Systemd

@Suite struct NotificationSocketTests {
  @Test(arguments: [false, true])
  func `what is sent arrives, by path and by abstract name`(isAbstract: Bool) throws {
    let listener = try NotificationListener(isAbstract: isAbstract)
    let socket = try NotificationSocket(address: listener.address)
    try socket.send([.ready, .status("Serving")])
    try socket.send([.watchdog])
    try socket.send([.stopping])
    #expect(listener.received() == ["READY=1\nSTATUS=Serving", "WATCHDOG=1", "STOPPING=1"])
  }

  @Test func `a line break in a status does not begin another notice`() throws {
    let listener = try NotificationListener()
    let socket = try NotificationSocket(address: listener.address)
    try socket.send([.status("a\nWATCHDOG=1\r\nREADY=1")])
    #expect(listener.received() == ["STATUS=a WATCHDOG=1 READY=1"])
  }

  @Test(arguments: [
    "", "/", "@", "notify", "vsock:2:1234", "/" + String(repeating: "x", count: 107),
    "@" + String(repeating: "x", count: 107),
  ])
  func `what is no address is refused`(address: String) {
    #expect(throws: NotificationSocket.Failure.self) { try NotificationSocket(address: address) }
  }

  @Test func `the longest address is taken`() throws {
    _ = try NotificationSocket(address: "/" + String(repeating: "x", count: 106))
  }

  @Test func `an address where nobody listens is told`() throws {
    let address = try NotificationListener().address
    let socket = try NotificationSocket(address: address)
    #expect(throws: NotificationSocket.Failure.self) { try socket.send([.ready]) }
  }
}
