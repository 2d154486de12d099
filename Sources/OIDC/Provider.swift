public import JOSE

/// An identity provider whose tokens we accept, and on what terms.
public struct Provider: Sendable {
  /// What admins call it: lower-case letters, digits and hyphens. Stands before the identities of its callers, unless it
  /// is the first provider.
  public var name: String
  /// `iss` of its tokens, byte for byte.
  public var issuer: String
  /// A token must be meant for at least one of these.
  public var audiences: [String]
  /// Where its keys are; nil to ask its discovery document.
  public var jwksURL: String?
  /// A PEM file with the certificate authorities to trust when its keys are fetched, instead of the system's.
  public var certificateBundle: String?
  /// Those that its tokens may be signed with (`alg`); nothing else is tried.
  public var algorithms: Set<SignatureAlgorithm>
  /// The claim that gives callers the name that people read.
  public var identityClaim: String
  /// What else must stand in a token.
  public var requiredClaims: [ClaimRule]
  /// What `typ` its tokens may have.
  public var tokenTypes: TokenTypes
  /// Who may have asked for a token (`azp`). Empty: anybody, as long as the token is meant for us alone.
  public var authorizedParties: [String]
  /// How long, in seconds, a token may be valid from its issue to its expiry.
  public var maximumLifetime: Int
  /// How far, in seconds, its clock and ours may differ. 0 to 300.
  public var leeway: Int

  /// In seconds: a day.
  public static let defaultMaximumLifetime = 86_400
  /// In seconds.
  public static let defaultLeeway = 60

  public init(
    name: String = "default", issuer: String, audiences: [String], jwksURL: String? = nil,
    certificateBundle: String? = nil, algorithms: Set<SignatureAlgorithm> = [.rs256, .es256],
    identityClaim: String = "email", requiredClaims: [ClaimRule] = [],
    tokenTypes: TokenTypes = .standard, authorizedParties: [String] = [],
    maximumLifetime: Int = Provider.defaultMaximumLifetime, leeway: Int = Provider.defaultLeeway
  ) {
    self.name = name
    self.issuer = issuer
    self.audiences = audiences
    self.jwksURL = jwksURL
    self.certificateBundle = certificateBundle
    self.algorithms = algorithms
    self.identityClaim = identityClaim
    self.requiredClaims = requiredClaims
    self.tokenTypes = tokenTypes
    self.authorizedParties = authorizedParties
    self.maximumLifetime = maximumLifetime
    self.leeway = leeway
  }
}
