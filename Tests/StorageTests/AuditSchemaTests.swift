import GRDB
import TestSupport
import Testing

@testable import Storage

@Suite struct AuditSchemaTests {
  let log: AuditLogFixture

  init() throws {
    log = try AuditLogFixture()
    try log.write(3)
  }

  private func changes() throws -> [String] {
    try log.database.auditSchemaChanges().map(\.description)
  }

  @Test func `a schema that nobody touched is as it was made, in a copy too`() throws {
    #expect(try changes() == [])
    let copy = log.directory.file("copy.db")
    try log.database.backUp(to: copy)
    #expect(try DatabaseCopy(path: copy).auditSchemaChanges() == [])
  }

  static let attempts: [(String, [String])] = [
    ("DROP TRIGGER audit_log_keeps_rows", ["the trigger audit_log_keeps_rows is missing"]),
    (
      """
      DROP TRIGGER audit_log_keeps_rows_unchanged;
      CREATE TRIGGER audit_log_keeps_rows_unchanged BEFORE UPDATE ON audit_log WHEN 0
      BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END
      """, ["the trigger audit_log_keeps_rows_unchanged is not what was made"]
    ),
    (
      """
      CREATE TRIGGER helpful AFTER INSERT ON write_probe
      BEGIN UPDATE audit_anchors SET last_id = last_id + 1; END
      """, ["the trigger helpful was added"]
    ),
    ("DROP INDEX audit_log_user", ["the index audit_log_user is missing"]),
    ("ALTER TABLE audit_log ADD COLUMN note TEXT", ["the table audit_log is not what was made"]),
    (
      "DROP TABLE audit_mirror; CREATE TABLE audit_mirror (id INTEGER)",
      ["the table audit_mirror is not what was made"]
    ),
  ]

  @Test(arguments: attempts)
  func `what was done to the schema is named, though every row is whole`(
    statements: String, expected: [String]
  ) throws {
    try log.tamperUnderTriggers(statements)
    #expect(try changes() == expected)
    #expect(try log.fault() == nil)
  }

  @Test func `what has nothing to do with the log is not spoken of`() throws {
    try log.tamperUnderTriggers("CREATE TABLE notes (text TEXT)", "CREATE INDEX n ON notes (text)")
    #expect(try changes() == [])
  }
}
