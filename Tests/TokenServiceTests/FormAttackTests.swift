import Foundation
import JOSE
import TestSupport
import Testing

/// Tokens whose bytes can be read in two ways, or in none. All are well signed as they stand, so that nothing but the form is
/// wrong.
@Suite struct FormAttackTests {
  // MARK: - Segments

  /// Signs the first two segments as they are after `change`, which the third goes through afterwards.
  private func token(
    _ service: AttackedService, segment: Int, _ change: (String) -> String
  ) throws -> String {
    var segments = try service.segments()
    segments[segment] = change(segments[segment])
    guard segment < 2 else { return segments.joined(separator: ".") }
    return try service.provider.token(signing: segments[0] + "." + segments[1])
  }

  @Test(arguments: ["=", "==", "+", "/", ",", "%3D", "~", "A==="], 0..<3)
  func `a segment with anything after its base64url is refused`(added: String, segment: Int) throws
  {
    let service = try AttackedService()
    try service.expectRefused(token(service, segment: segment) { $0 + added })
    #expect(service.provider.requestCount == 0)
    try service.expectAccepted(token(service, segment: segment) { $0 })
  }

  @Test(
    arguments: [" ", "\n", "\r\n", "\t", "\u{0}", "\u{A0}", "é", "\u{FEFF}", "\u{200B}"], 0..<3)
  func `a segment with white space or other foreign characters is refused`(
    character: String, segment: Int
  ) throws {
    let service = try AttackedService()
    for place in [0, 4] {
      let changed = try token(service, segment: segment) {
        $0.prefix(place) + character + $0.dropFirst(place)
      }
      // No token can be in such a header (RFC 6750 section 2.1).
      try service.expectRefused(changed, code: "UNAUTHENTICATED")
    }
    try service.expectAccepted(token(service, segment: segment) { $0 })
  }

  @Test(arguments: 0..<3)
  func `plain base64 is refused`(segment: Int) throws {
    let service = try AttackedService()
    // A claim whose encoding has the two characters that differ.
    let text = "\"x\":\"\u{7F}\u{3FF}\u{3FF}???>>>~~~\","
    let (header, payload) = try service.honestTexts()
    func encoded(_ json: String) -> String {
      Base64URL.encode(Array("{\(text)\(json.dropFirst())".utf8))
    }
    var segments = [encoded(header), encoded(payload)]
    if segment < 2 {
      segments[segment] = plain(segments[segment])
      try service.expectRefused(
        service.provider.token(signing: segments.joined(separator: ".")))
      return try service.expectAccepted(
        service.provider.token(signing: encoded(header) + "." + encoded(payload)))
    }
    // Some signature has one of them.
    var token = ""
    repeat {
      token = try service.token(["jti": "\"\(UInt64.random(in: 0 ... .max))\""])
    } while plain(String(token.split(separator: ".")[2])) == token.split(separator: ".")[2]
    segments = token.split(separator: ".").map(String.init)
    try service.expectRefused("\(segments[0]).\(segments[1]).\(plain(segments[2]))")
    try service.expectAccepted(token)
  }

  private func plain(_ text: String) -> String {
    text.replacing("-", with: "+").replacing("_", with: "/")
  }

  @Test(arguments: 0..<3)
  func `a segment whose unused bits are not zero is refused`(segment: Int) throws {
    let service = try AttackedService()
    // Spaces make the texts so long that bits remain; a signature of 256 bytes leaves some in any case.
    let (header, payload) = try service.honestTexts()
    func padded(_ text: String) -> String {
      text + String(repeating: " ", count: (4 - text.utf8.count % 3) % 3)
    }
    let good = try service.provider.token(
      signing: [header, payload].map { Base64URL.encode(Array(padded($0).utf8)) }
        .joined(separator: "."))
    var segments = good.split(separator: ".").map(String.init)
    #expect(!segments[segment].utf8.count.isMultiple(of: 4))
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    let last = try #require(segments[segment].last.flatMap(alphabet.firstIndex))
    segments[segment] = segments[segment].dropLast() + String(alphabet[last + 1])
    try service.expectRefused(
      segment == 2
        ? segments.joined(separator: ".")
        : service.provider.token(signing: segments[0] + "." + segments[1]))
    try service.expectAccepted(good)
  }

  @Test(arguments: [
    "H.P", "H.P.", "H.P.S.", ".H.P.S", "H.P.S.S", "H..P.S", "H.P.S.S.S", "H.H.P.S.S", "H.P..S",
    ".P.S", "H..S", "H", "...", "..", "H.P.S.H.P.S", "{\"payload\":\"P\"}",
    #"{"payload":"P","protected":"H","signature":"S"}"#,
    #"{"payload":"P","signatures":[{"protected":"H","signature":"S"}]}"#,
  ])
  func `a token of any other shape than three segments is refused`(shape: String) throws {
    let service = try AttackedService()
    let parts = zip(["H", "P", "S"], try service.segments())
    func shaped(_ shape: String) -> String {
      shape.map { letter in parts.first { $0.0 == String(letter) }?.1 ?? String(letter) }.joined()
    }
    try service.expectRefused(shaped(shape))
    #expect(service.provider.requestCount == 0)
    try service.expectAccepted(shaped("H.P.S"))
  }

  @Test func `an encrypted token is refused`() throws {
    let service = try AttackedService()
    let header = Base64URL.encode(
      Array(#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"rsa-1","cty":"JWT"}"#.utf8))
    let key = String(repeating: "A", count: 342)
    try service.expectRefused("\(header).\(key).AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA")
    #expect(service.provider.requestCount == 0)
    try service.expectAccepted(service.token())
  }

  // MARK: - Sizes

  @Test func `a segment or token over its size is refused, and one of that size accepted`() throws {
    let service = try AttackedService()
    let (header, payload) = try service.honestTexts()
    func padded(_ text: String, _ size: Int) -> [UInt8] {
      Array((text + String(repeating: " ", count: size - text.utf8.count)).utf8)
    }
    // In base64url 2048 and 6144 characters.
    for (headerSize, payloadSize, isAccepted) in [
      (1536, 4000, true), (1537, 4000, false), (300, 4608, true), (300, 4609, false),
      (1536, 4608, false), (300, 1_000_000, false),
    ] {
      let token = try service.token(
        header: padded(header, headerSize), payload: padded(payload, payloadSize))
      if isAccepted { try service.expectAccepted(token) } else { try service.expectRefused(token) }
    }
  }

  // MARK: - JSON

  /// What stands in a text after its `{`, or makes something else of it.
  struct Spoiled: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let apply: @Sendable (_ text: [UInt8]) -> [UInt8]

    init(_ name: String, _ apply: @escaping @Sendable (_ text: [UInt8]) -> [UInt8]) {
      testDescription = name
      self.apply = apply
    }

    /// A member more.
    static func member(_ json: String) -> Spoiled {
      Spoiled(String(json.prefix(60))) { Array("{\(json),".utf8) + $0.dropFirst() }
    }

    /// A member whose text has these bytes.
    static func bytes(_ name: String, _ bytes: [UInt8]) -> Spoiled {
      Spoiled(name) { Array("{\"x\":\"".utf8) + bytes + Array("\",".utf8) + $0.dropFirst() }
    }
  }

  static let spoiled: [Spoiled] = [
    .member(#""x":1,"x":1"#), .member(#""x":1,"\u0078":2"#), .member(#""y":{"x":1,"x":2}"#),
    .member(#""x":"\ud800""#), .member(#""x":"\udc00\ud800""#), .member(#""\ud800":1"#),
    .member(#""x":1e400"#), .member(#""x":-1e999"#), .member(#""x":NaN"#),
    .member(#""x":Infinity"#),
    .member(#""x":-Infinity"#), .member(#""x":01"#), .member(#""x":+1"#), .member(#""x":0x10"#),
    .member(#""x":'a'"#), .member("x:1"), .member(#""x":1,"#), .member("/* */\"x\":1"),
    .member(#""x":undefined"#), .member(#""x":"\a""#), .member(#""x":tru"#),
    .member("\"x\":" + String(repeating: "[", count: 8) + String(repeating: "]", count: 8)),
    .member(
      "\"x\":" + String(repeating: "{\"a\":", count: 8) + "1" + String(repeating: "}", count: 8)),
    .member("\"x\":[" + Array(repeating: "1", count: 400).joined(separator: ",") + "]"),
    .bytes("not UTF-8", [0xFF]), .bytes("cut UTF-8", [0xC3]),
    .bytes("overlong slash", [0xC0, 0xAF]),
    .bytes("overlong NUL", [0xC0, 0x80]), .bytes("surrogate in UTF-8", [0xED, 0xA0, 0x80]),
    .bytes("above U+10FFFF", [0xF4, 0x90, 0x80, 0x80]), .bytes("bare NUL", [0]),
    .bytes("bare line end", [0x0A]),
    Spoiled("byte order mark") { [0xEF, 0xBB, 0xBF] + $0 },
    Spoiled("UTF-16") { $0.flatMap { [$0, 0] } },
    Spoiled("another object behind") { $0 + Array("{}".utf8) },
    Spoiled("a letter behind") { $0 + Array("x".utf8) },
    Spoiled("a NUL behind") { $0 + [0] },
    Spoiled("its end missing") { $0.dropLast() },
    Spoiled("in an array") { Array("[".utf8) + $0 + Array("]".utf8) },
    Spoiled("as a text") { text in
      let quoted = String(decoding: text, as: UTF8.self).replacing("\"", with: "\\\"")
      return Array("\"\(quoted)\"".utf8)
    },
    Spoiled("null") { _ in Array("null".utf8) },
    Spoiled("a number") { _ in Array("1".utf8) },
    Spoiled("an empty object") { _ in Array("{}".utf8) },
    Spoiled("white space") { _ in Array(" ".utf8) },
    Spoiled("nested ten thousand deep") { _ in
      [UInt8](repeating: UInt8(ascii: "["), count: 10_000)
    },
    Spoiled("nested a thousand deep") { _ in [UInt8](repeating: UInt8(ascii: "["), count: 1000) },
  ]

  @Test(arguments: spoiled)
  func `claims that are not one strict JSON object are refused`(spoiled: Spoiled) throws {
    let service = try AttackedService()
    let (header, payload) = try service.honestTexts()
    try service.expectRefused(
      service.token(header: Array(header.utf8), payload: spoiled.apply(Array(payload.utf8))))
    #expect(service.provider.requestCount == 0)
    try service.expectAccepted(
      service.token(header: Array(header.utf8), payload: harmless(payload)))
  }

  @Test(arguments: spoiled)
  func `a header that is not one strict JSON object is refused`(spoiled: Spoiled) throws {
    let service = try AttackedService()
    let (header, payload) = try service.honestTexts()
    try service.expectRefused(
      service.token(header: spoiled.apply(Array(header.utf8)), payload: Array(payload.utf8)))
    #expect(service.provider.requestCount == 0)
    try service.expectAccepted(
      service.token(header: harmless(header), payload: Array(payload.utf8)))
  }

  /// The same kinds of members within the rules.
  private func harmless(_ text: String) -> [UInt8] {
    let members =
      #""x":[1,-0,1e300,9007199254740993,null],"y":{"x":{"x":[[[]]]}},"\u007a":"\ud83d\ude00""#
    return Array(" \n{ \(members), \(text.dropFirst()) \t\r\n".utf8)
  }

  @Test(arguments: [
    #""alg":"none""#, #""alg":"RS256""#, #""\u0061lg":"none""#, #""kid":"rsa-1""#,
    #""k\u0069d":"x""#,
  ])
  func `a header that says something twice is refused`(member: String) throws {
    let service = try AttackedService()
    let start = #"{"alg":"RS256","kid":"rsa-1""#
    try service.expectRefused(service.token(header: "\(start),\(member)}"))
    try service.expectRefused(service.token(header: "{\(member),\(start.dropFirst())}"))
    try service.expectAccepted(service.token(header: start + "}"))
  }

  @Test(arguments: [
    #""sub":"admin""#, #""sub":"alice""#, #""\u0073ub":"admin""#, #""aud":"other""#,
    #""\u0061ud":"runner-token-service""#, #""iss":"https://evil.example""#, #""exp":9999999999"#,
    #""email":"root@example.com""#, #""email_verified":true"#, #""email\u005fverified":true"#,
  ])
  func `claims that say something twice are refused`(member: String) throws {
    let service = try AttackedService()
    let payload = try service.honestTexts().payload
    try service.expectRefused(service.provider.token(payload: "{\(member),\(payload.dropFirst())"))
    try service.expectRefused(service.provider.token(payload: "\(payload.dropLast()),\(member)}"))
    try service.expectAccepted(service.provider.token(payload: payload))
  }
}
