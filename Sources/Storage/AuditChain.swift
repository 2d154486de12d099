import JOSE

/// How the rows of the audit log are joined: each has a hash over all that it says and the hash of the row before.
///
/// docs/OPERATIONS.md shows the same in Python, for who wants to check the log without this program.
public enum AuditChain {
  /// What the first row of all continues from.
  public static let beginning = String(repeating: "0", count: 64)

  /// What is hashed begins with this, so that another form can be told from it one day.
  private static let form = "audit-log/1\n"

  /// SHA-256, in lower-case hex digits, of the form's name and then each field as a netstring: its length in bytes, a
  /// colon, its bytes, a comma; `-,` for none. No two rows have the same form.
  static func hash(id: Int64, values: [String?], previousHash: String) throws -> String {
    var form = Array(Self.form.utf8)
    form.reserveCapacity(1024)
    add(String(id), to: &form)
    for value in values { add(value, to: &form) }
    add(previousHash, to: &form)
    return try Digest.sha256Hex(form)
  }

  private static func add(_ value: String?, to form: inout [UInt8]) {
    if let value {
      form += String(value.utf8.count).utf8
      form.append(UInt8(ascii: ":"))
      form += value.utf8
    } else {
      form.append(UInt8(ascii: "-"))
    }
    form.append(UInt8(ascii: ","))
  }
}

/// The last row of the audit log. Whoever notes its hash can prove later that nothing up to it has changed.
public struct AuditHead: Sendable, Equatable {
  /// 0 where there has been no row.
  public let id: Int64
  /// Of that row, as 64 lower-case hex digits; `AuditChain.beginning` where there has been none.
  public let hash: String

  public init(id: Int64, hash: String) {
    self.id = id
    self.hash = hash
  }
}
