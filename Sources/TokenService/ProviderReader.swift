import HTTPClient
import JOSE
import OIDC
import Patterns
import StrictJSON

/// Reads the settings of one identity provider and gathers what is wrong with them.
struct ProviderReader {
  struct Fault {
    let member: String
    /// What it should be.
    let message: String
  }

  /// What stands under a name; nil where nothing does.
  let member: (String) -> JSONValue?
  private(set) var faults: [Fault] = []

  static let members = [
    "name", "issuer", "audiences", "jwks_url", "ca_bundle", "algorithms", "identity_claim",
    "required_claims", "token_types", "authorized_parties", "maximum_lifetime_seconds",
    "leeway_seconds",
  ]

  init(member: @escaping (String) -> JSONValue?) {
    self.member = member
  }

  /// nil where something that is required is missing or cannot be used.
  mutating func provider() -> Provider? {
    let name = name()
    let issuer = issuer()
    let audiences = list("audiences") ?? []
    if member("audiences") == nil {
      fail("audiences", "is required: the aud claim that tokens for this service have")
    }
    let jwksURL = text("jwks_url")
    if let jwksURL { checkURL("jwks_url", jwksURL) }
    let provider = Provider(
      name: name ?? "", issuer: issuer ?? "", audiences: audiences, jwksURL: jwksURL,
      certificateBundle: certificateBundle(), algorithms: algorithms(),
      identityClaim: text("identity_claim") ?? "email", requiredClaims: requiredClaims(),
      tokenTypes: tokenTypes(), authorizedParties: list("authorized_parties") ?? [],
      maximumLifetime: number(
        "maximum_lifetime_seconds", default: Provider.defaultMaximumLifetime, in: 60...31_536_000),
      leeway: number("leeway_seconds", default: Provider.defaultLeeway, in: 0...300))
    return name == nil || issuer == nil || audiences.isEmpty ? nil : provider
  }

  /// So that a typo never silently drops a condition.
  mutating func refuseOthers(of object: JSONObject) {
    for name in object.members.map(\.name)
    where !Self.members.contains(where: { $0.hasSameUTF8(as: name) }) {
      fail(String(name.prefix(64)), "is not a setting of a provider")
    }
  }

  // MARK: - Kinds of values

  private mutating func fail(_ member: String, _ message: String) {
    faults.append(Fault(member: member, message: message))
  }

  private mutating func text(_ name: String) -> String? {
    guard let value = member(name) else { return nil }
    guard let text = value.string, !text.isEmpty else {
      fail(name, "must be a text that is not empty")
      return nil
    }
    return text
  }

  private mutating func list(_ name: String) -> [String]? {
    guard let value = member(name) else { return nil }
    guard let texts = value.strings, !texts.isEmpty, !texts.contains("") else {
      fail(name, "must be a list of texts, neither it nor they empty")
      return nil
    }
    return texts
  }

  private mutating func number(
    _ name: String, default fallback: Int, in range: ClosedRange<Int64>
  ) -> Int {
    guard let value = member(name) else { return fallback }
    guard let number = value.integer, range.contains(number) else {
      fail(name, "must be a whole number, \(range.lowerBound) to \(range.upperBound)")
      return fallback
    }
    return Int(number)
  }

  private mutating func checkURL(_ name: String, _ text: String) {
    if !URLRule.isAllowed(text) {
      fail(name, "must be an https URL (plain http only for this machine), without a password")
    }
  }

  // MARK: - Members

  private mutating func name() -> String? {
    let marks: Set = ["sub", "cli"]
    guard let name = member("name")?.string, (1...32).contains(name.utf8.count),
      !marks.contains(name),
      name.utf8.allSatisfy({
        $0 == UInt8(ascii: "-") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
      })
    else {
      fail("name", "is required: 1 to 32 of a-z 0-9 -, and not \"sub\" or \"cli\"")
      return nil
    }
    return name
  }

  private mutating func issuer() -> String? {
    guard let issuer = member("issuer")?.string, !issuer.isEmpty else {
      fail("issuer", "is required: the iss claim of the tokens to accept")
      return nil
    }
    checkURL("issuer", issuer)
    // OpenID Connect Discovery 1.0 section 3.
    if issuer.contains("?") || issuer.contains("#") || issuer.utf8.count > 255 {
      fail("issuer", "must have no query and no fragment, and at most 255 bytes")
    }
    return issuer
  }

  private mutating func certificateBundle() -> String? {
    guard let path = text("ca_bundle") else { return nil }
    do { try CertificateBundle.check(path: path) } catch {
      fail("ca_bundle", error.reason)
    }
    if WritableByAnybody.isFile(path) {
      fail("ca_bundle", "\(path) can be changed by anybody; run chmod o-w \(path)")
    }
    return path
  }

  private mutating func algorithms() -> Set<SignatureAlgorithm> {
    let fallback: Set<SignatureAlgorithm> = [.rs256, .es256]
    guard let names = list("algorithms") else { return fallback }
    let algorithms = names.compactMap(SignatureAlgorithm.init(rawValue:))
    guard algorithms.count == names.count else {
      let known = SignatureAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
      fail("algorithms", "must be of: \(known)")
      return fallback
    }
    return Set(algorithms)
  }

  private mutating func tokenTypes() -> TokenTypes {
    list("token_types").map(TokenTypes.only) ?? .standard
  }

  private mutating func requiredClaims() -> [ClaimRule] {
    guard let value = member("required_claims") else { return [] }
    guard let object = value.object else {
      fail("required_claims", "must be an object: claims, and what they have to be")
      return []
    }
    return object.members.compactMap { claim in
      let place = "required_claims.\(claim.name.prefix(64))"
      guard let path = ClaimPath(claim.name) else {
        fail(place, "must be the name of a claim, or a JSON pointer")
        return nil
      }
      return condition(claim.value, place).map { ClaimRule(path, $0) }
    }
  }

  private mutating func condition(
    _ value: JSONValue, _ place: String
  ) -> ClaimRule.Condition? {
    switch value {
    case .string, .integer, .bool:
      return .oneOf([value])
    case .array(let values) where !values.isEmpty && values.allSatisfy(\.isScalar):
      return .oneOf(values)
    case .object(let object) where object.members.count == 1:
      if let source = object["pattern"]?.string {
        do { return .pattern(try Pattern(source)) } catch {
          fail(place, "has a pattern that cannot be used: \(error)")
          return nil
        }
      }
    default:
      break
    }
    fail(place, "must be a value, a list of values, or {\"pattern\": \"…\"}")
    return nil
  }
}

extension JSONValue {
  /// Whether a claim can be compared with it.
  fileprivate var isScalar: Bool {
    switch self {
    case .string, .integer, .bool: true
    default: false
    }
  }
}
