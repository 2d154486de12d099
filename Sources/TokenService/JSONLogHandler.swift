import Foundation
public import Logging
import Runners

/// Writes log messages to standard error as JSON, one object a line, for journald or whoever keeps it.
public struct JSONLogHandler: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var logLevel: Logger.Level

  /// Lines below this level are not written.
  public init(level: Logger.Level) {
    logLevel = level
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var members = metadata.merging(event.metadata ?? [:]) { _, new in new }
      .mapValues(AuditEvent.Value.init)
    members["timestamp"] = .text(Timestamp(Date()).description)
    members["level"] = .text(event.level.rawValue)
    members["message"] = .text(event.message.description)
    guard let object = JSONBody.encode(members) else { return }
    let line = String(decoding: object, as: UTF8.self).escapingInvisibleInJSON() + "\n"
    // One write for the whole line, so that threads and processes do not mix theirs. Where the log cannot be written there
    // is nowhere to say so, and the service goes on: the audit log is what must not be lost.
    try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
  }
}

extension AuditEvent.Value {
  /// Whole numbers stay numbers.
  fileprivate init(_ value: Logger.Metadata.Value) {
    if case .stringConvertible(let number as Int) = value {
      self = .number(Int64(number))
    } else {
      self = .text(value.description)
    }
  }
}
