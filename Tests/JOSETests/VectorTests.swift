import Foundation
import JOSE
import Testing

/// Tokens that another implementation made, good and bad: see `Vectors/make-vectors.py`.
struct VectorTests {
  private struct File: Decodable {
    let tokens: [Token]
  }

  private struct Token: Decodable {
    let comment: String
    let keySet: String
    let valid: Bool
    let token: String
  }

  private static func content() throws -> Data {
    try Data(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Vectors/tokens.json"))
  }

  @Test func `exactly the valid tokens of another implementation are accepted`() throws {
    let keySets = try keySets()
    let tokens = try JSONDecoder().decode(File.self, from: Self.content()).tokens
    for token in tokens {
      let keys = try #require(keySets[token.keySet])
      #expect(isVerified(token.token, by: keys) == token.valid, "\(token.comment)")
    }
    #expect(tokens.count == 223)
    #expect(tokens.count { $0.valid } == 30)
    for algorithm in SignatureAlgorithm.allCases {
      let own = tokens.filter { $0.comment.hasPrefix(algorithm.rawValue + ": ") }
      #expect(own.contains { $0.valid } && own.count { !$0.valid } >= 8)
    }
  }

  @Test func `a token is refused where its algorithm is not allowed`() throws {
    let keySets = try keySets()
    let tokens = try JSONDecoder().decode(File.self, from: Self.content()).tokens
    for token in tokens where token.valid {
      let keys = try #require(keySets[token.keySet])
      let own = try CompactJWS(token.token).algorithm(among: Set(SignatureAlgorithm.allCases))
      let others = Set(SignatureAlgorithm.allCases).subtracting([own])
      #expect(isVerified(token.token, by: keys, among: [own]), "\(token.comment)")
      #expect(!isVerified(token.token, by: keys, among: others), "\(token.comment)")
    }
  }

  private func keySets() throws -> [String: JWKSet] {
    let content = try JSONSerialization.jsonObject(with: Self.content())
    let sets = try #require((content as? [String: Any])?["keySets"] as? [String: Any])
    #expect(sets.count == 42)
    return try sets.mapValues { set in
      try JWKSet(parsing: Array(JSONSerialization.data(withJSONObject: set)))
    }
  }
}
