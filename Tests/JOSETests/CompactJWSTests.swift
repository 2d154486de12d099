import JOSE
import StrictJSON
import Testing

struct CompactJWSTests {
  private static let header = Base64URL.encode(Array(#"{"alg":"RS256"}"#.utf8))
  private static let payload = Base64URL.encode(Array("{}".utf8))

  // MARK: - Segments

  @Test func `three segments are taken apart`() throws {
    let jws = try CompactJWS("\(Self.header).\(Self.payload).AQID")
    #expect(jws.header["alg"]?.string == "RS256")
    #expect(jws.payload == Array("{}".utf8))
    #expect(jws.signature == [1, 2, 3])
    #expect(jws.signingInput == Array("\(Self.header).\(Self.payload)".utf8))
  }

  @Test(
    arguments: [
      "", ".", "..", "...", header, "\(header).\(payload)", "\(header).\(payload).AQID.",
      "\(header).\(payload).AQID.AQID", "\(header).\(payload).AQID.AQID.AQID",
      ".\(header).\(payload).AQID", "\(header).\(payload).", "\(header)..AQID", ".\(payload).AQID",
      "..AQID", String(repeating: ".", count: 9000),
    ])
  func `any other number of segments, or an empty one, is refused`(token: String) {
    #expect(throws: JOSEError.malformedToken) { try CompactJWS(token) }
  }

  @Test(arguments: ["=", "+", "/", " ", "\n", "\r\n", "\t", "\u{0}", "é", ","])
  func `a foreign character in any segment is refused`(character: String) {
    let segments = [Self.header, Self.payload, "AQID"]
    for index in segments.indices {
      for changed in [segments[index] + character, character + segments[index]] {
        var token = segments
        token[index] = changed
        #expect(throws: JOSEError.malformedToken) {
          try CompactJWS(token.joined(separator: "."))
        }
      }
    }
  }

  @Test func `trailing bits that are not zero are refused in any segment`() {
    // "{}" is e30; e31 differs in the unused bits only.
    #expect(throws: Never.self) { try CompactJWS("e30.e30.AQ") }
    for token in ["e31.e30.AQ", "e30.e31.AQ", "e30.e30.AR"] {
      #expect(throws: JOSEError.malformedToken) { try CompactJWS(token) }
    }
  }

  @Test func `each segment may be as long as its limit and no longer`() throws {
    func header(_ count: Int) -> String {
      let frame = #"{"x":""}"#.utf8.count
      let text = "{\"x\":\"" + String(repeating: "a", count: count * 3 / 4 - frame) + "\"}"
      return Base64URL.encode(Array(text.utf8))
    }
    func segment(_ count: Int) -> String { String(repeating: "A", count: count) }
    let sizes = (CompactJWS.maximumHeaderSize, CompactJWS.maximumPayloadSize)
    let longest = CompactJWS.maximumSignatureSize
    #expect(header(sizes.0).utf8.count == sizes.0)

    #expect(throws: Never.self) {
      try CompactJWS("\(header(sizes.0)).\(segment(sizes.1)).\(segment(longest))")
    }
    for token in [
      "\(header(sizes.0 + 4)).e30.AQ", "e30.\(segment(sizes.1 + 4)).AQ",
      "e30.e30.\(segment(longest + 4))", segment(sizes.0 + sizes.1 + longest + 3),
      String(repeating: ".", count: 100_000),
    ] {
      #expect(throws: JOSEError.oversizedToken) { try CompactJWS(token) }
    }
  }

  @Test(arguments: ["[]", "\"RS256\"", "1", "null", "true", #"[{"alg":"RS256"}]"#])
  func `a header that is not an object is refused`(text: String) {
    #expect(throws: JOSEError.malformedHeader("not an object")) { try jws(header: text) }
  }

  @Test(
    arguments: [
      (#"{"alg":"none","alg":"RS256"}"#, JSONError.duplicateMember("alg")),
      (#"{"alg":"RS256","\u0061lg":"none"}"#, .duplicateMember("alg")),
      (#"{"alg":"RS256"}x"#, .syntax(offset: 15)),
      ("\u{FEFF}{\"alg\":\"RS256\"}", .syntax(offset: 0)),
      (#"{"x":[[[[[[[[1]]]]]]]]}"#, .tooDeep(limit: 8)),
      (#"{"kid":"\ud800"}"#, .loneSurrogate(offset: 8)),
    ])
  func `a header that is not strict JSON is refused`(text: String, reason: JSONError) {
    #expect(throws: JOSEError.invalidJSON(reason)) { try jws(header: text) }
  }

  @Test func `a header that is not UTF-8 is refused`() {
    let header = Base64URL.encode(
      Array("{\"alg\":\"RS256\",\"x\":\"".utf8) + [0xFF] + Array("\"}".utf8))
    #expect(throws: JOSEError.invalidJSON(.invalidUTF8)) { try CompactJWS("\(header).e30.AQ") }
  }

  @Test func `white space in the header's JSON is accepted`() throws {
    let jws = try jws(header: " {\r\n \"alg\" : \"RS256\" } ")
    #expect(try jws.algorithm(among: [.rs256]) == .rs256)
  }

  // MARK: - Algorithm

  @Test func `an algorithm of the caller's list is taken`() throws {
    for algorithm in SignatureAlgorithm.allCases {
      let jws = try jws(header: "{\"alg\":\"\(algorithm.rawValue)\"}")
      #expect(try jws.algorithm(among: [algorithm]) == algorithm)
      #expect(try jws.algorithm(among: Set(SignatureAlgorithm.allCases)) == algorithm)
    }
    #expect(
      SignatureAlgorithm.allCases.map(\.rawValue) == [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
      ])
  }

  @Test(
    arguments: [
      "none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "PS1", "RS1", "ES512",
      "ES256K", "Ed25519", "Ed448", "eddsa", "EDDSA", "RSA1_5", "dir", "rs256", "RS256 ", " RS256",
      "RS256\u{0}",
      "\u{FF32}S256",
    ])
  func `an algorithm that we do not implement is refused`(name: String) throws {
    let escaped = name.replacing("\u{0}", with: #"\u0000"#)
    let jws = try jws(header: "{\"alg\":\"\(escaped)\"}")
    #expect(throws: JOSEError.algorithmNotAllowed(name)) {
      try jws.algorithm(among: Set(SignatureAlgorithm.allCases))
    }
  }

  @Test(
    arguments: [
      "{}", #"{"alg":null}"#, #"{"alg":["RS256"]}"#, #"{"alg":{"RS256":1}}"#, #"{"alg":256}"#,
      #"{"alg":true}"#, #"{"Alg":"RS256"}"#,
    ])
  func `an algorithm that is absent or not text is refused`(header: String) throws {
    let jws = try jws(header: header)
    #expect(throws: JOSEError.malformedHeader("alg")) { try jws.algorithm(among: [.rs256]) }
  }

  @Test(arguments: SignatureAlgorithm.allCases)
  func `an algorithm that the caller does not allow is refused`(
    algorithm: SignatureAlgorithm
  ) throws {
    let jws = try jws(header: "{\"alg\":\"\(algorithm.rawValue)\"}")
    let others = Set(SignatureAlgorithm.allCases).subtracting([algorithm])
    for allowed in [others, []] {
      #expect(throws: JOSEError.algorithmNotAllowed(algorithm.rawValue)) {
        try jws.algorithm(among: allowed)
      }
    }
  }

  @Test(
    arguments: [
      #"["exp"]"#, "[]", "null", #""exp""#, #"["b64"]"#, "{}", "false", #"["\u0062\u0036\u0034"]"#,
    ])
  func `a crit member of any form is refused`(crit: String) throws {
    let jws = try jws(header: "{\"alg\":\"RS256\",\"b64\":false,\"exp\":1,\"crit\":\(crit)}")
    #expect(throws: JOSEError.headerNotAccepted("crit")) { try jws.algorithm(among: [.rs256]) }
  }

  @Test(
    arguments: [
      ("b64", "false"), ("b64", "true"), ("b64", "null"), ("zip", #""DEF""#), ("zip", "null"),
      ("cty", #""JWT""#), ("cty", #""json""#), ("cty", "1"),
    ])
  func `a member that changes what the token means is refused`(
    name: String, value: String
  ) throws {
    let jws = try jws(header: "{\"alg\":\"RS256\",\"\(name)\":\(value)}")
    #expect(throws: JOSEError.headerNotAccepted(name)) { try jws.algorithm(among: [.rs256]) }
  }

  @Test func `an algorithm that is not allowed is told before an extension`() throws {
    let jws = try jws(header: #"{"alg":"HS256","crit":["exp"],"zip":"DEF"}"#)
    #expect(throws: JOSEError.algorithmNotAllowed("HS256")) {
      try jws.algorithm(among: [.rs256])
    }
  }

  @Test(
    arguments: [
      #""x-mark":1"#, #""jku":"https://evil.example""#, #""jwk":{}"#,
      #""x5u":"https://evil.example""#, #""x5c":["AAAA"]"#, #""x5t":"AAAA""#, #""x5t#S256":"AAAA""#,
      #""B64":false"#, #""typ":"JWT""#,
    ])
  func `a member that need not be understood is ignored`(member: String) throws {
    let jws = try jws(header: "{\"alg\":\"RS256\",\(member)}")
    #expect(try jws.algorithm(among: [.rs256]) == .rs256)
  }

  // MARK: - Key id and type

  @Test func `the key id is text or absent`() throws {
    #expect(try jws(header: #"{"alg":"RS256","kid":"../../dev/null"}"#).keyID() == "../../dev/null")
    #expect(try jws(header: #"{"alg":"RS256","kid":""}"#).keyID() == "")
    #expect(try jws(header: #"{"alg":"RS256"}"#).keyID() == nil)
    for kid in ["1", "null", "[\"a\"]", "{}", "true"] {
      let jws = try jws(header: "{\"alg\":\"RS256\",\"kid\":\(kid)}")
      #expect(throws: JOSEError.malformedHeader("kid")) { try jws.keyID() }
    }
  }

  @Test func `the type is text, as it stands there, or absent`() throws {
    for text in ["JWT", "jwt", "at+jwt", "application/at+jwt", ""] {
      #expect(try jws(header: "{\"alg\":\"RS256\",\"typ\":\"\(text)\"}").type() == text)
    }
    #expect(try jws(header: #"{"alg":"RS256"}"#).type() == nil)
    for typ in ["1", "null", "[\"JWT\"]", "{}", "true"] {
      let jws = try jws(header: "{\"alg\":\"RS256\",\"typ\":\(typ)}")
      #expect(throws: JOSEError.malformedHeader("typ")) { try jws.type() }
    }
  }

  private func jws(header: String) throws -> CompactJWS {
    try CompactJWS("\(Base64URL.encode(Array(header.utf8))).\(Self.payload).AQ")
  }
}
