import Foundation
import Runners

/// How audit records look in JSON.
enum AuditJSON {
  /// `value` on one line, in ASCII control-free form.
  static func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self).escapingInvisibleInJSON()
  }

  /// A string of JSON, in the same form.
  static func quoted(_ text: String) throws -> String {
    text.isPlainInJSON ? "\"\(text)\"" : try Self.text(text)
  }
}

extension AuditJSON {
  /// The values of a text that `text(_:)` made of them; none for no text, nil for any other text.
  static func values(_ text: String?) -> [String: AuditEvent.Value]? {
    guard let text else { return [:] }
    return try? JSONDecoder().decode([String: AuditEvent.Value].self, from: Data(text.utf8))
  }
}

extension AuditRecord {
  /// The record as an object of JSON on one line with every member, null where it has none: for the API and for exports.
  public func json() throws -> String {
    try AuditMembers(self).text { $0 ?? "null" }
  }

  /// The same with the data as the text that the hash covers: for archives.
  func archived() throws -> String {
    var members = try AuditMembers(self)
    members.data = try self[.eventData].map { try AuditJSON.quoted($0) }
    return try members.text { $0 ?? "null" }
  }

  /// The most bytes of a line of the audit log's file, its end included: a reader needs no larger buffer.
  static let maximumLineLength = 16_384

  /// A line of the audit log's file: the members that have a value. What would be too long is shortened and says so; the
  /// table has it all.
  func line() throws -> String {
    var line = try AuditMembers(self).text(\.self) + "\n"
    for (fields, data) in [(1024, 6000), (256, 1000), (64, 0)] {
      if line.utf8.count <= Self.maximumLineLength { break }
      line = try AuditMembers(shortening: self, fields: fields, data: data).text(\.self) + "\n"
    }
    return line
  }
}

/// The members of a record's JSON object, each as text of JSON.
private struct AuditMembers {
  private let record: AuditRecord
  private var texts: [AuditRecord.Column: String] = [:]
  var data: String?

  private enum Member {
    case id, hash, previousHash
    case column(AuditRecord.Column)
  }

  /// By their names.
  private static let order: [(name: String, member: Member)] =
    ([("id", .id), ("hash", .hash), ("prev_hash", .previousHash)]
    + AuditRecord.Column.allCases.map { ($0.rawValue, .column($0)) })
    .sorted { $0.0 < $1.0 }

  init(_ record: AuditRecord) throws {
    self.record = record
    for (column, value) in zip(AuditRecord.Column.allCases, record.values) {
      guard let value, column != .eventData else { continue }
      texts[column] =
        column == .success ? (value == "1" ? "true" : "false") : try AuditJSON.quoted(value)
    }
    guard let value = record[.eventData] else { return }
    // As it stands, unless it was not written here and could break the line.
    let isOneLine = value.utf8.allSatisfy { $0 >= 0x20 } && value.utf8.first == UInt8(ascii: "{")
    data = isOneLine ? value.escapingInvisibleInJSON() : try AuditJSON.quoted(value)
  }

  init(shortening record: AuditRecord, fields: Int, data: Int) throws {
    try self.init(record)
    for (column, value) in zip(AuditRecord.Column.allCases, record.values) {
      guard let value, value.utf8.count > fields, column != .eventData else { continue }
      let start = String(value.unicodeScalars.prefix(fields))
      texts[column] = try AuditJSON.quoted("\(start)… (\(value.utf8.count) bytes)")
    }
    guard let value = record[.eventData], value.utf8.count > data else { return }
    let start = try AuditJSON.quoted(String(value.unicodeScalars.prefix(data)))
    self.data = "{\"shortened_bytes\":\(value.utf8.count),\"shortened_start\":\(start)}"
  }

  /// `show` has the text for a member that may have no value; nil leaves the member out.
  func text(_ show: (String?) -> String?) throws -> String {
    var text = ""
    for (name, member) in Self.order {
      let value: String? =
        switch member {
        case .id: String(record.id)
        case .hash: try AuditJSON.quoted(record.hash)
        case .previousHash: try AuditJSON.quoted(record.previousHash)
        case .column(.eventData): show(data)
        case .column(let column): show(texts[column])
        }
      guard let value else { continue }
      text += (text.isEmpty ? "{\"" : ",\"") + name + "\":" + value
    }
    return text + "}"
  }
}
