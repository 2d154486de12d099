/// Who is calling, as an OIDC token proved it.
public struct Principal: Sendable, Hashable {
  /// `iss` of the token.
  public let issuer: String
  /// `sub` of the token. Ownership and isolation are decided on (issuer, subject) and nothing else.
  public let subject: String
  /// What people read and policies are written against.
  public let identity: String
  /// Whether they may do what only admins of this service may. Not stored: false for the owner of a stored runner or approval.
  public let isAdmin: Bool

  public init(issuer: String, subject: String, identity: String, isAdmin: Bool) {
    self.issuer = issuer
    self.subject = subject
    self.identity = identity
    self.isAdmin = isAdmin
  }

  /// Byte for byte: Swift's `==` on strings would take canonically equivalent subjects for one.
  public static func == (left: Principal, right: Principal) -> Bool {
    left.issuer.utf8.elementsEqual(right.issuer.utf8)
      && left.subject.utf8.elementsEqual(right.subject.utf8)
  }

  public func hash(into hasher: inout Hasher) {
    for byte in issuer.utf8 { hasher.combine(byte) }
    for byte in subject.utf8 { hasher.combine(byte) }
  }
}
