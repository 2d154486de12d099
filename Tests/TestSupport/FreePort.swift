/// A loopback port that nobody listens on.
public enum FreePort {
  public static func find() throws -> UInt16 {
    let server = try LoopbackServer { _ in .silence }
    defer { server.stop() }
    return server.port
  }
}
