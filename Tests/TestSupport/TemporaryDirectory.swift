import Foundation

/// A directory of a test's own, removed with it.
public final class TemporaryDirectory: Sendable {
  public let path: String

  public init() throws {
    // Short, because the path of a unix socket has to fit into 108 bytes.
    path = "/tmp/rts-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  public func file(_ name: String) -> String { path + "/" + name }
}
