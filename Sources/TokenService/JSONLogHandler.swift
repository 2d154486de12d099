import Foundation
public import Logging
import Runners

/// Writes log messages to standard error as JSON, one object a line, for journald or whoever keeps it.
public struct JSONLogHandler: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var logLevel: Logger.Level

  public init(level: Logger.Level) {
    logLevel = level
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var members = metadata.merging(event.metadata ?? [:]) { _, new in new }
      .mapValues { $0.description }
    members["timestamp"] = Timestamp(Date()).description
    members["level"] = event.level.rawValue
    members["message"] = event.message.description
    guard var line = JSONBody.encode(members) else { return }
    line.append(UInt8(ascii: "\n"))
    // One write for the whole line, so that threads and processes do not mix theirs.
    FileHandle.standardError.write(Data(line))
  }
}
