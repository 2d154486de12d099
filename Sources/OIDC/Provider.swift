public import JOSE

/// An identity provider whose tokens we accept, and on what terms.
public struct Provider: Sendable {
  /// `iss` of its tokens, byte for byte.
  public var issuer: String
  /// A token must be meant for at least one of these.
  public var audiences: [String]
  /// Where its keys are; nil to ask its discovery document.
  public var jwksURL: String?
  public var algorithms: Set<SignatureAlgorithm>
  /// How far, in seconds, its clock and ours may differ. 0 to 300.
  public var leeway: Int

  public init(
    issuer: String, audiences: [String], jwksURL: String? = nil,
    algorithms: Set<SignatureAlgorithm> = [.rs256, .es256], leeway: Int = 60
  ) {
    self.issuer = issuer
    self.audiences = audiences
    self.jwksURL = jwksURL
    self.algorithms = algorithms
    self.leeway = leeway
  }
}
