import Foundation
import JOSE
import OIDC
import StrictJSON
import TestSupport
import Testing

/// Well-signed tokens whose claims must not get them in.
@Suite struct ClaimAttackTests {
  /// A claim's value: a JSON text, or so many seconds from now, or none.
  enum Value: Sendable, CustomTestStringConvertible {
    case json(String), seconds(Int), absent

    var testDescription: String {
      switch self {
      case .json(let text): text
      case .seconds(let offset): "now \(offset)"
      case .absent: "absent"
      }
    }

    func text(_ service: AttackedService) -> String? {
      switch self {
      case .json(let text): text
      case .seconds(let offset): service.at(offset)
      case .absent: nil
      }
    }
  }

  private func refuses(
    _ name: String, _ value: Value, with others: [String: String?] = [:],
    terms: (inout Provider) -> Void = { _ in }
  ) throws {
    let service = try AttackedService(terms: terms)
    try service.expectRefused(
      service.token(others.merging([name: value.text(service)]) { $1 }))
  }

  private func accepts(
    _ name: String, _ value: Value, with others: [String: String?] = [:],
    terms: (inout Provider) -> Void = { _ in }
  ) throws {
    let service = try AttackedService(terms: terms)
    try service.expectAccepted(
      service.token(others.merging([name: value.text(service)]) { $1 }))
  }

  // MARK: - Times

  @Test(arguments: [
    Value.absent, .json("null"), .json(#""4000000000""#), .json("true"), .json("[]"), .json("{}"),
    .json("1e308"), .json("1e400"), .json("-1"), .json("-0"), .json("0"), .json("9007199254740993"),
    .json("9223372036854775807"), .json("18446744073709551616"), .json("NaN"), .seconds(-61),
    .seconds(-60), .seconds(86_401),
  ])
  func `a token without an expiry that is near and to come is refused`(expiry: Value) throws {
    try refuses("exp", expiry)
  }

  @Test(arguments: [
    Value.seconds(-30), .seconds(-59), .seconds(300), .seconds(86_400), .json("1800000300.5"),
    .json("1.8000003e9"), .json("1800000300.0"),
  ])
  func `a token with an expiry within the leeway or to come is accepted`(expiry: Value) throws {
    try accepts("exp", expiry)
  }

  @Test(
    arguments: ["nbf", "iat"],
    [
      Value.seconds(61), .seconds(4000), .json("null"), .json(#""0""#), .json("[]"), .json("-1"),
      .json("1e308"), .json("9007199254740993"), .json("-1e400"),
    ])
  func `a token that is not valid yet is refused`(name: String, start: Value) throws {
    try refuses(name, start)
  }

  @Test(
    arguments: ["nbf", "iat"],
    [Value.seconds(30), .seconds(60), .seconds(-30), .absent, .json("1800000000.5")])
  func `a token whose time has come, or comes within the leeway, is accepted`(
    name: String, start: Value
  ) throws {
    try accepts(name, start)
  }

  @Test func `a token is refused from its expiry on, however often it was accepted`() throws {
    let service = try AttackedService()
    let token = try service.token()
    for _ in 0..<3 { try service.expectAccepted(token) }
    service.world.clock.advance(by: 359)
    try service.expectAccepted(token)
    service.world.clock.advance(by: 1)
    try service.expectRefused(token)
  }

  // MARK: - For whom

  @Test(arguments: [
    Value.absent, .json("null"), .json(#""""#), .json("[]"), .json("{}"), .json("7"),
    .json(#"{"runner-token-service":true}"#), .json(#"[["runner-token-service"]]"#),
    .json(#"["runner-token-service",7]"#), .json(#"["runner-token-service",null]"#),
    .json(#""other""#), .json(#"["other"]"#), .json(#""runner-token-service-2""#),
    .json(#""runner-token-servic""#), .json(#""x runner-token-service""#),
    .json(#""other,runner-token-service""#), .json(#""Runner-Token-Service""#),
    .json(#""runner-token-service/""#), .json(#""runner-token-service ""#),
    .json(#""runner-token-service\u0000""#), .json(#""runner\u2010token\u2010service""#),
    .json(#""*""#),
  ])
  func `a token that is not for this service is refused`(audience: Value) throws {
    try refuses("aud", audience)
  }

  @Test(arguments: [
    #""runner-token-service""#, #"["runner-token-service"]"#, #""\u0072unner-token-service""#,
    #"["runner-token-service","runner-token-service"]"#,
  ])
  func `a token for this service is accepted`(audience: String) throws {
    try accepts("aud", .json(audience))
  }

  @Test(arguments: [
    Value.absent, .json(#""other""#), .json(#""runner-cli2""#), .json(#""RUNNER-CLI""#), .json("7"),
    .json(#"["runner-cli"]"#), .json("null"), .json(#""""#),
  ])
  func `a token for others too, that nobody we know asked for, is refused`(party: Value) throws {
    let both = ["aud": #"["other","runner-token-service"]"#]
    try refuses("azp", party, with: both)
    try refuses("azp", party, with: both) { $0.authorizedParties = ["runner-cli"] }
  }

  @Test func `a token for others too is accepted from a party that we know`() throws {
    let both = ["aud": #"["other","runner-token-service"]"#]
    try accepts("azp", .json(#""runner-token-service""#), with: both)
    try accepts("azp", .json(#""runner-cli""#), with: both) {
      $0.authorizedParties = ["runner-cli"]
    }
  }

  // MARK: - Whose

  @Test(arguments: [
    Value.absent, .json("null"), .json("7"), .json(#""""#), .json(#"["https://machines.example"]"#),
    .json(#"{"https://machines.example":1}"#), .json(#""https://machines.example/""#),
    .json(#""HTTPS://machines.example""#), .json(#""https://Machines.example""#),
    .json(#""http://machines.example""#), .json(#""https://machines.example:443""#),
    .json(#""https://machines.example.""#), .json(#""https://machines.example/../""#),
    .json(#""https://machines.example#""#), .json(#""https://machines.example?""#),
    .json(#""https://machines.example@evil.example""#), .json(#""https://evil.example""#),
    .json(#""https://machines.example.evil.example""#), .json(#"" https://machines.example""#),
    .json(#""https://machines.example\u0000""#), .json(#""https://m\u0430chines.example""#),
    .json(#""https://machines\uff0eexample""#), .json(#""http://169.254.169.254/""#),
    .json(#""file:///etc/passwd""#), .json(#""machines.example""#),
  ])
  func `a token of any other issuer is refused, and nothing is fetched`(issuer: Value) throws {
    let service = try AttackedService()
    try service.expectRefused(service.token(["iss": issuer.text(service)]))
    #expect(service.provider.requestCount + service.attacker.requestCount == 0)
    #expect(service.world.calls("") == 0)
    try service.expectAccepted(service.token())
  }

  @Test(arguments: [
    Value.absent, .json("null"), .json("7"), .json("[]"), .json(#"["alice"]"#), .json(#""""#),
    .json(#""a\u0000b""#), .json(#""a\nb""#), .json(#""\u001b[2J""#), .json(#""a\u0085b""#),
    .json("\"\(String(repeating: "x", count: 256))\""),
    .json("\"\(String(repeating: "é", count: 128))\""),
  ])
  func `a token without a subject that can be stored and shown is refused`(subject: Value) throws {
    try refuses("sub", subject)
  }

  @Test(arguments: ["x", String(repeating: "x", count: 255), "repo:acme/tools:ref:refs/heads/main"])
  func `a token with a subject of up to 255 bytes is accepted`(subject: String) throws {
    try accepts("sub", .json("\"\(subject)\""))
  }

  @Test(arguments: [
    "SUB", "Sub", "\u{17F}ub", #"\u017fub"#, "ISS", "Aud", "EXP", "eMail", "email_Verified",
    "\u{FF53}ub", "\u{1D42C}ub",
  ])
  func `a claim whose name looks like one that is read is refused`(name: String) throws {
    try refuses(name, .json(#""admin""#))
    try accepts("subject", .json(#""admin""#))
  }

  // MARK: - Addresses

  @Test(arguments: [
    Value.json("false"), .json(#""true""#), .absent, .json("null"), .json("1"), .json("{}"),
    .json(#"["true"]"#),
  ])
  func `where verified addresses are required, a token with any other is refused`(verified: Value)
    throws
  {
    let rule = ClaimRule(try #require(ClaimPath("email_verified")), .oneOf([.bool(true)]))
    try refuses("email_verified", verified) { $0.requiredClaims = [rule] }
    try accepts("email_verified", .json("true")) { $0.requiredClaims = [rule] }
  }

  @Test(arguments: [Value.json("false"), .json(#""true""#), .absent, .json("1")])
  func `elsewhere an address that is not verified names nobody`(verified: Value) throws {
    let service = try AttackedService()
    func identity(_ verified: String?) throws -> JSONValue? {
      let token = try service.token(["email_verified": verified])
      return try service.world.send("GET", "/api/v1/auth/me", token: token).object["identity"]
    }
    #expect(try identity(verified.text(service)) == .string("machines:sub:alice"))
    #expect(try identity("true") == .string("machines:alice@example.com"))
  }
}
