import GRDB
public import Runners

/// The `used_tokens` table.
public struct UsedTokenStore {
  let database: GRDB.Database
  let now: Timestamp

  /// In seconds: a token may be validated just before it expires and get here later, and clocks may be set back.
  private static let grace = 86_400

  /// Whether the token has been used. One that has expired for longer than a day may be forgotten.
  public func contains(_ token: SingleUseToken) throws -> Bool {
    try database.value(
      Bool.self, sql: "SELECT EXISTS (SELECT 1 FROM used_tokens WHERE issuer = ? AND token_id = ?)",
      arguments: [token.issuer, token.id]) ?? false
  }

  /// Notes that a token has been used. Throws if it had been used before.
  public func insert(_ token: SingleUseToken) throws {
    // Those that have expired long since are refused for that.
    try database.run(
      sql: "DELETE FROM used_tokens WHERE refused_from < ?",
      arguments: [now.adding(seconds: -Self.grace).description])
    try database.run(
      sql: "INSERT INTO used_tokens (issuer, token_id, refused_from) VALUES (?, ?, ?)",
      arguments: [token.issuer, token.id, token.refusedFrom.description])
  }

  /// For a token whose use came to nothing.
  public func remove(_ token: SingleUseToken) throws {
    try database.run(
      sql: "DELETE FROM used_tokens WHERE issuer = ? AND token_id = ?",
      arguments: [token.issuer, token.id])
  }
}
