import Foundation
import JOSE
import SharedData
import StrictJSON
import Testing

/// Project Wycheproof's vectors against what we implement, with all our algorithms allowed.
@Suite(
  .enabled(
    if: SharedData.folder("wycheproof") != nil,
    "the Wycheproof vectors are not in shared/data/wycheproof beside the repository"))
struct WycheproofTests {
  private struct Vector {
    let group: [String: Any]
    let test: [String: Any]

    var id: Int { test["tcId"] as! Int }
    var isValid: Bool { test["result"] as? String == "valid" }
    var comment: Comment { "tcId \(id): \(test["comment"] as? String ?? "")" }
    var message: [UInt8] { [UInt8](hex: test["msg"] as! String) }
    var signature: [UInt8] { [UInt8](hex: test["sig"] as! String) }
    var isEncrypted: Bool { test["jwe"] != nil }

    /// Compact serialization, or the JSON one as its text.
    var token: String {
      let value = test["jws"] ?? test["jwe"]!
      if let compact = value as? String { return compact }
      return String(decoding: try! JSONSerialization.data(withJSONObject: value), as: UTF8.self)
    }
  }

  @Test func `JWS: exactly the valid tokens of our algorithms are accepted`() throws {
    let vectors = try read("json_web_signature_test.json")
    let accepted = try judge(vectors)
    #expect(vectors.count == 401)
    #expect(
      accepted == [
        "RS256": 7, "RS384": 3, "RS512": 3, "PS256": 5, "PS384": 3, "PS512": 3, "ES256": 2,
      ])
  }

  @Test func `JWK: exactly the valid sets of our algorithms are accepted`() throws {
    let vectors = try read("json_web_key_test.json")
    let accepted = try judge(vectors)
    #expect(vectors.count == 26)
    #expect(accepted == ["RS256": 1])
  }

  @Test func `JWE: every encrypted token is refused, and the signed ones are judged`() throws {
    let vectors = try read("json_web_crypto_test.json")
    let encrypted = vectors.filter(\.isEncrypted)
    for vector in encrypted {
      #expect(throws: JOSEError.self, vector.comment) { try CompactJWS(vector.token) }
    }
    #expect(encrypted.count == 34)
    let accepted = try judge(vectors.filter { !$0.isEncrypted })
    #expect(vectors.count == 83)
    #expect(accepted == ["ES256": 1, "RS256": 1])
  }

  /// Verifies each token with the keys of its group, and counts by algorithm what is accepted.
  private func judge(_ vectors: [Vector]) throws -> [String: Int] {
    var accepted: [String: Int] = [:]
    for vector in vectors {
      let keys = try keys(of: vector)
      let algorithm = ourAlgorithm(vector.token)
      // RFC 7520 section 4.2 signs PS384 with a key whose JWK says PS256. RFC 8725 section 3.1 has a key used with one
      // algorithm only, and so have we.
      let breaksItsRestriction = vector.test["comment"] as? String == "Figure20"
      let expected = vector.isValid && algorithm != nil && !breaksItsRestriction
      #expect(isVerified(vector.token, by: keys) == expected, vector.comment)
      if expected, let algorithm { accepted[algorithm, default: 0] += 1 }
    }
    return accepted
  }

  private func keys(of vector: Vector) throws -> JWKSet {
    let value = try #require(vector.group["public"] ?? vector.group["private"])
    let json = String(
      decoding: try JSONSerialization.data(withJSONObject: value), as: UTF8.self)
    let isSet = (value as? [String: Any])?["keys"] != nil
    return try isSet ? JWKSet(parsing: Array(json.utf8)) : keySet(json)
  }

  @Test func `ECDSA: a signature of R and S is accepted exactly if it is valid`() throws {
    let vectors = try read("ecdsa_secp256r1_sha256_p1363_test.json")
    for vector in vectors {
      let isAccepted = try p256Key(vector).isValid(
        signature: vector.signature, over: vector.message, algorithm: .es256)
      #expect(isAccepted == vector.isValid, vector.comment)
    }
    #expect(vectors.count == 262)
    #expect(vectors.count { $0.isValid } == 173)
  }

  @Test func `ECDSA: no DER signature is accepted`() throws {
    let vectors = try read("ecdsa_secp256r1_sha256_test.json")
    for vector in vectors {
      let isAccepted = try p256Key(vector).isValid(
        signature: vector.signature, over: vector.message, algorithm: .es256)
      #expect(!isAccepted, vector.comment)
    }
    #expect(vectors.count == 484)
  }

  @Test(
    arguments: [
      ("rsa_signature_2048_sha256_test.json", SignatureAlgorithm.rs256, 259, 9),
      ("rsa_signature_2048_sha512_test.json", .rs512, 259, 8),
      ("rsa_pss_2048_sha256_mgf1_32_test.json", .ps256, 108, 63),
      ("rsa_pss_2048_sha384_mgf1_48_test.json", .ps384, 141, 95),
    ])
  func `RSA: a signature is accepted exactly if it is valid`(
    file: String, algorithm: SignatureAlgorithm, count: Int, validCount: Int
  ) throws {
    let vectors = try read(file)
    for vector in vectors {
      let jwk = try #require(vector.group["keyJwk"] ?? vector.group["publicKeyJwk"])
      let json = try JSONSerialization.data(withJSONObject: jwk)
      let key = try verificationKey(String(decoding: json, as: UTF8.self))
      #expect(key.algorithm == algorithm)
      let isAccepted = key.key.isValid(
        signature: vector.signature, over: vector.message, algorithm: algorithm)
      // "Acceptable" (a digest identifier without its NULL) counts as invalid here.
      #expect(isAccepted == vector.isValid, vector.comment)
    }
    #expect(vectors.count == count)
    #expect(vectors.count { $0.isValid } == validCount)
  }

  /// The token's algorithm if this library takes the token at all: it is one of ours and there is something in it.
  private func ourAlgorithm(_ token: String) -> String? {
    let segments = token.split(separator: ".", omittingEmptySubsequences: false)
    guard segments.count == 3, !segments[1].isEmpty, let bytes = Base64URL.decode(segments[0].utf8),
      let name = try? JSONValue(parsing: bytes).object?["alg"]?.string
    else { return nil }
    return SignatureAlgorithm(rawValue: name)?.rawValue
  }

  private func p256Key(_ vector: Vector) throws -> PublicKey {
    let key = try #require(vector.group["publicKey"] as? [String: Any])
    let point = [UInt8](hex: try #require(key["uncompressed"] as? String))
    return try PublicKey.p256(x: Array(point[1...32]), y: Array(point[33...64]))
  }

  private func read(_ name: String) throws -> [Vector] {
    let file = try #require(SharedData.folder("wycheproof")).appending(path: name)
    let content = try JSONSerialization.jsonObject(with: Data(contentsOf: file))
    let groups = try #require((content as? [String: Any])?["testGroups"] as? [[String: Any]])
    return groups.flatMap { group in
      (group["tests"] as? [[String: Any]] ?? []).map { Vector(group: group, test: $0) }
    }
  }
}
