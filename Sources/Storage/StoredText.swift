import CSQLite
import Foundation
import GRDB

/// A column of the audit log's tables as it is stored. Read as bytes, because a text would end for the reader at a NUL that
/// somebody has put into it; and only if it has the type that is written, because a number or a blob can have the bytes of
/// a text and is not what readers of the table see.
enum StoredText {
  /// Why a value cannot have been written by this program.
  struct Foreign: Error {}

  /// An expression of SQL for `value(_:_:)`: bytes, or a number where the type is another one.
  static func selection(_ column: String, types: String = "'text', 'null'") -> String {
    "iif(typeof(\(column)) IN (\(types)), CAST(\(column) AS BLOB), 0)"
  }

  /// nil for NULL. Throws `Foreign` for another type and for what is not UTF-8.
  static func value(_ row: Row, _ index: Int) throws(Foreign) -> String? {
    guard let bytes = row[index] as StoredBytes? else { return nil }
    guard let text = bytes.text else { throw Foreign() }
    return text
  }
}

/// Bytes, read where they lie: a verification reads sixteen columns of each row there is.
private struct StoredBytes: DatabaseValueConvertible, StatementColumnConvertible {
  /// nil for another type and for what is not UTF-8.
  let text: String?

  init(sqliteStatement statement: SQLiteStatement, index: CInt) {
    guard sqlite3_column_type(statement, index) == SQLITE_BLOB else {
      text = nil
      return
    }
    // In this order: SQLite says how many bytes it has handed out.
    let start = sqlite3_column_blob(statement, index)
    let count = sqlite3_column_bytes(statement, index)
    text = String(exactly: UnsafeRawBufferPointer(start: start, count: Int(count)))
  }

  static func fromDatabaseValue(_ value: DatabaseValue) -> StoredBytes? {
    switch value.storage {
    case .null: nil
    case .blob(let bytes): StoredBytes(text: bytes.withUnsafeBytes { String(exactly: $0) })
    default: StoredBytes(text: nil)
    }
  }

  private init(text: String?) { self.text = text }

  var databaseValue: DatabaseValue { text.map { Data($0.utf8) }.databaseValue }
}

extension String {
  /// nil for what is not UTF-8. What this decodes is compared with what it made, which is much faster than
  /// `init(validating:as:)`.
  fileprivate init?(exactly bytes: UnsafeRawBufferPointer) {
    self.init(decoding: bytes, as: UTF8.self)
    let isSame = utf8.withContiguousStorageIfAvailable { own in
      own.count == bytes.count && UnsafeRawBufferPointer(own).elementsEqual(bytes)
    }
    guard isSame ?? utf8.elementsEqual(bytes) else { return nil }
  }
}
