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
      "..AQID", String(repeating: ".", count: 100_000),
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
      "e30.e30.\(segment(longest + 4))",
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
    #expect(try jws(header: #"{"alg":"RS256"}"#).algorithm(among: [.rs256]) == .rs256)
    #expect(try jws(header: #"{"alg":"ES256"}"#).algorithm(among: [.rs256, .es256]) == .es256)
  }

  @Test(
    arguments: [
      "none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "PS256", "RS384", "RS512",
      "ES384", "ES512", "ES256K", "EdDSA", "RSA1_5", "dir", "rs256", "RS256 ", " RS256",
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

  @Test func `an algorithm that the caller does not allow is refused`() throws {
    let jws = try jws(header: #"{"alg":"ES256"}"#)
    #expect(throws: JOSEError.algorithmNotAllowed("ES256")) { try jws.algorithm(among: [.rs256]) }
    #expect(throws: JOSEError.algorithmNotAllowed("ES256")) { try jws.algorithm(among: []) }
  }

  @Test(
    arguments: [
      #"["exp"]"#, "[]", "null", #""exp""#, #"["b64"]"#, "{}", "false", #"["\u0062\u0036\u0034"]"#,
    ])
  func `a crit member of any form is refused`(crit: String) throws {
    let jws = try jws(header: "{\"alg\":\"RS256\",\"b64\":false,\"exp\":1,\"crit\":\(crit)}")
    #expect(throws: JOSEError.criticalHeader) { try jws.algorithm(among: [.rs256]) }
  }

  @Test func `an extension that need not be understood is ignored`() throws {
    let jws = try jws(header: #"{"alg":"RS256","x-mark":1,"jku":"https://evil.example","jwk":{}}"#)
    #expect(try jws.algorithm(among: [.rs256]) == .rs256)
  }

  // MARK: - Key id

  @Test func `the key id is text or absent`() throws {
    #expect(try jws(header: #"{"alg":"RS256","kid":"../../dev/null"}"#).keyID() == "../../dev/null")
    #expect(try jws(header: #"{"alg":"RS256","kid":""}"#).keyID() == "")
    #expect(try jws(header: #"{"alg":"RS256"}"#).keyID() == nil)
    for kid in ["1", "null", "[\"a\"]", "{}", "true"] {
      let jws = try jws(header: "{\"alg\":\"RS256\",\"kid\":\(kid)}")
      #expect(throws: JOSEError.malformedHeader("kid")) { try jws.keyID() }
    }
  }

  private func jws(header: String) throws -> CompactJWS {
    try CompactJWS("\(Base64URL.encode(Array(header.utf8))).\(Self.payload).AQ")
  }
}
