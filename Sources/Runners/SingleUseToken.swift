/// A token that is good for one runner only.
///
/// It is known by its issuer and its `jti`, never by its bytes or their hash: whoever holds a token with an ECDSA
/// signature can write another valid one for the same content.
public struct SingleUseToken: Sendable {
  /// `iss`
  public let issuer: String
  /// `jti`
  public let id: String
  /// From when on it is refused because it has expired.
  public let refusedFrom: Timestamp

  public init(issuer: String, id: String, refusedFrom: Timestamp) {
    self.issuer = issuer
    self.id = id
    self.refusedFrom = refusedFrom
  }
}
