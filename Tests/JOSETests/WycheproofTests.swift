import Foundation
import JOSE
import SharedData
import StrictJSON
import Testing

/// Project Wycheproof's vectors against what we implement: RS256 and ES256, compact serialization.
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
    var token: String { test["jws"] as! String }
  }

  @Test func `JWS: exactly the valid RS256 and ES256 tokens are accepted`() throws {
    let vectors = try read("json_web_signature_test.json")
    var accepted = 0
    for vector in vectors {
      let jwk = try #require(vector.group["public"] ?? vector.group["private"])
      let keys = try keySet(
        String(decoding: JSONSerialization.data(withJSONObject: jwk), as: UTF8.self))
      let expected = vector.isValid && isOurs(vector.token)
      #expect(isVerified(vector.token, by: keys) == expected, vector.comment)
      if expected { accepted += 1 }
    }
    #expect(vectors.count == 401)
    #expect(accepted == 9)
  }

  @Test func `JWK: exactly the valid RS256 and ES256 sets are accepted`() throws {
    let vectors = try read("json_web_key_test.json")
    // Keys of one vendor's faulty generator (ROCA) are not looked for: the issuer chooses its keys.
    let notLookedFor: Set = [7]
    for vector in vectors where !notLookedFor.contains(vector.id) {
      let set = try #require(vector.group["public"] ?? vector.group["private"])
      let keys = try JWKSet(parsing: Array(JSONSerialization.data(withJSONObject: set)))
      let expected = vector.isValid && isOurs(vector.token)
      #expect(isVerified(vector.token, by: keys) == expected, vector.comment)
    }
    #expect(vectors.count == 26)
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

  @Test func `RSA: a PKCS#1 signature is accepted exactly if it is valid`() throws {
    let vectors = try read("rsa_signature_2048_sha256_test.json")
    for vector in vectors {
      let jwk = try JSONSerialization.data(withJSONObject: #require(vector.group["keyJwk"]))
      let key = try verificationKey(String(decoding: jwk, as: UTF8.self)).key
      let isAccepted = key.isValid(
        signature: vector.signature, over: vector.message, algorithm: .rs256)
      // "Acceptable" (a digest identifier without its NULL) counts as invalid here.
      #expect(isAccepted == vector.isValid, vector.comment)
    }
    #expect(vectors.count == 259)
  }

  /// Whether the token is one that this library takes at all: it says RS256 or ES256, and there is something in it.
  private func isOurs(_ token: String) -> Bool {
    let segments = token.split(separator: ".", omittingEmptySubsequences: false)
    guard segments.count == 3, !segments[1].isEmpty, let bytes = Base64URL.decode(segments[0].utf8),
      let header = try? JSONValue(parsing: bytes).object
    else { return false }
    return ["RS256", "ES256"].contains(header["alg"]?.string)
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
