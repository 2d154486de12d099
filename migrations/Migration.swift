/// One step of the database schema: a numbered SQL file of this folder, built into the binary.
public struct Migration: Sendable {
  /// Position in the order; 1 is the first.
  public let number: Int
  /// The file's name without its ending.
  public let name: String
  public let sql: String

  /// Every step, in order. A step that has been released is never edited: its checksum is recorded in the database.
  public static let all = [
    Migration(
      number: 1, name: "0001_runners_and_audit_log",
      sql: String(decoding: PackageResources._001_runners_and_audit_log_sql, as: UTF8.self)),
    Migration(
      number: 2, name: "0002_used_tokens",
      sql: String(decoding: PackageResources._002_used_tokens_sql, as: UTF8.self)),
    Migration(
      number: 3, name: "0003_label_policies",
      sql: String(decoding: PackageResources._003_label_policies_sql, as: UTF8.self)),
    Migration(
      number: 4, name: "0004_github_state",
      sql: String(decoding: PackageResources._004_github_state_sql, as: UTF8.self)),
    Migration(
      number: 5, name: "0005_audit_chain",
      sql: String(decoding: PackageResources._005_audit_chain_sql, as: UTF8.self)),
    Migration(
      number: 6, name: "0006_runner_lists",
      sql: String(decoding: PackageResources._006_runner_lists_sql, as: UTF8.self)),
  ]
}
