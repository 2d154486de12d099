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
    switch (row[index] as DatabaseValue).storage {
    case .null: return nil
    case .blob(let bytes):
      guard let text = String(validating: bytes, as: UTF8.self) else { throw Foreign() }
      return text
    default: throw Foreign()
    }
  }
}
