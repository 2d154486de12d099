import CLibFuzzer
import Foundation
import JOSE
import OIDC
import StrictJSON

/// The token reader and the verification of signatures.
enum TokenTarget {
  /// Tokens that verify, one for each algorithm and named after it. The private keys were thrown away, so no input but
  /// these can be signed.
  private static let genuine: [SignatureAlgorithm: [UInt8]] = {
    var tokens: [SignatureAlgorithm: [UInt8]] = [:]
    for algorithm in SignatureAlgorithm.allCases {
      let path = Fuzz.folder.appendingPathComponent("token/\(algorithm.rawValue)")
      guard let token = try? Data(contentsOf: path), isVerified(Array(token)) else {
        violated("the corpus has a token that verifies for each algorithm: \(path.path)")
      }
      tokens[algorithm] = Array(token)
    }
    return tokens
  }()

  private static let keySet: JWKSet = {
    let path = Fuzz.folder.appendingPathComponent("jwks/keys.json")
    guard let text = try? Data(contentsOf: path), let keySet = try? JWKSet(parsing: Array(text))
    else { violated("the corpus has the key set of its tokens: \(path.path)") }
    return keySet
  }()

  static func check(_ input: [UInt8]) {
    let genuine = genuine
    let token = String(decoding: input, as: UTF8.self)
    let facts = TokenFacts(reading: token)
    guard let jws = try? CompactJWS(token) else { return }
    checkFacts(facts, jws)
    checkSpelling(of: input, jws)
    if isVerified(input), !genuine.values.contains(input) {
      guard isOtherSignature(input, of: genuine) else {
        violated("no token verifies but those that were signed")
      }
    }
    checkEveryKey(jws, genuine)
  }

  /// What a relying party does with a token and a key set.
  private static func isVerified(_ token: [UInt8]) -> Bool {
    guard let jws = try? CompactJWS(String(decoding: token, as: UTF8.self)),
      let algorithm = try? jws.algorithm(among: Set(SignatureAlgorithm.allCases)),
      let keyID = try? jws.keyID().map(Optional.some) ?? .some(nil),
      let key = keySet.key(id: keyID, algorithm: algorithm)
    else { return false }
    return key.isValid(signature: jws.signature, over: jws.signingInput, algorithm: algorithm)
  }

  /// Decoded and encoded again, by Foundation, the token is what it was: there is no second way to write it.
  private static func checkSpelling(of token: [UInt8], _ jws: CompactJWS) {
    let segments = segments(of: token)
    let decoded = segments.compactMap(decoded)
    guard segments.count == 3, decoded.count == 3, decoded.map(encoded) == segments else {
      violated("a token has one spelling")
    }
    guard decoded[1] == jws.payload, decoded[2] == jws.signature,
      segments[0] + [UInt8(ascii: ".")] + segments[1] == jws.signingInput
    else { violated("a token is split at its dots and decoded as base64url") }
    guard JSONTarget.isComparable(decoded[0]) else { return }
    guard let header = JSONTarget.foundationValue(decoded[0]) as? [String: Any],
      (header["kid"] as? String).map({ [UInt8]($0.utf8) })
        == (try? jws.keyID()).map({ [UInt8]($0.utf8) })
    else { violated("the header is an object whose kid Foundation reads too") }
    if let algorithm = try? jws.algorithm(among: Set(SignatureAlgorithm.allCases)) {
      guard (header["alg"] as? String)?.hasSameUTF8(as: algorithm.rawValue) == true,
        header["crit"] == nil
      else { violated("the algorithm is the one in the header, and nothing is critical") }
    }
  }

  /// What the log is told is what the reader reads.
  private static func checkFacts(_ facts: TokenFacts, _ jws: CompactJWS) {
    for (fact, name) in [(facts.algorithm, "alg"), (facts.keyID, "kid"), (facts.type, "typ")] {
      let member = jws.header[name]?.string.map { Array($0.prefix(255).utf8) }
      guard fact.map({ Array($0.utf8) }) == member else {
        violated("the facts of a token are those of its header")
      }
    }
  }

  /// ECDSA lets anybody make a second signature out of one: the same R, and the order of the curve less S.
  private static func isOtherSignature(
    _ input: [UInt8], of genuine: [SignatureAlgorithm: [UInt8]]
  ) -> Bool {
    let segments = segments(of: input)
    return genuine.contains { algorithm, token in
      let original = Self.segments(of: token)
      guard algorithm.rawValue.hasPrefix("ES"), segments.prefix(2) == original.prefix(2),
        let signature = decoded(segments[2]), let signed = decoded(original[2])
      else { return false }
      return signature.prefix(signed.count / 2) == signed.prefix(signed.count / 2)
    }
  }

  /// Whatever the header says, no key takes the signature for one over anything but what was signed.
  private static func checkEveryKey(_ jws: CompactJWS, _ genuine: [SignatureAlgorithm: [UInt8]]) {
    for key in keySet.keys {
      for algorithm in SignatureAlgorithm.allCases {
        guard
          key.key.isValid(signature: jws.signature, over: jws.signingInput, algorithm: algorithm)
        else { continue }
        guard genuine[algorithm]?.starts(with: jws.signingInput + [UInt8(ascii: ".")]) == true
        else {
          violated("no signature verifies but over what was signed: \(algorithm)")
        }
      }
    }
  }

  /// The token with one segment changed below its encoding, or nil if that segment cannot be decoded.
  static func mutatingSegment(_ index: Int, of token: [UInt8]) -> [UInt8]? {
    var segments = segments(of: token)
    guard segments.indices.contains(index), var bytes = decoded(segments[index]) else { return nil }
    let count = bytes.count
    let room = 2 * count + 64
    bytes.append(contentsOf: [UInt8](repeating: 0, count: room - count))
    let mutatedCount = bytes.withUnsafeMutableBufferPointer { buffer in
      LLVMFuzzerMutate(buffer.baseAddress, count, room)
    }
    segments[index] = encoded(Array(bytes.prefix(mutatedCount)))
    return Array(segments.joined(separator: [UInt8(ascii: ".")]))
  }

  private static func segments(of token: [UInt8]) -> [[UInt8]] {
    token.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map(Array.init)
  }

  static func decoded(_ segment: [UInt8]) -> [UInt8]? {
    let base64 = String(decoding: segment, as: UTF8.self)
      .replacing("-", with: "+").replacing("_", with: "/")
    let padding = String(repeating: "=", count: (4 - base64.utf8.count % 4) % 4)
    return Data(base64Encoded: base64 + padding).map(Array.init)
  }

  private static func encoded(_ bytes: [UInt8]) -> [UInt8] {
    let base64 = Data(bytes).base64EncodedString()
    return Array(
      base64.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "").utf8)
  }
}
