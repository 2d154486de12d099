import Testing

@testable import JOSE

struct KeyedHashTests {
  /// RFC 4231 section 4, all tests but the truncated one.
  @Test(
    arguments: [
      (
        [UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
      ),
      (
        Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
      ),
      (
        [UInt8](repeating: 0xAA, count: 20), [UInt8](repeating: 0xDD, count: 50),
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
      ),
      (
        Array(1...25), [UInt8](repeating: 0xCD, count: 50),
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
      ),
      (
        [UInt8](repeating: 0xAA, count: 131),
        Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
      ),
      (
        [UInt8](repeating: 0xAA, count: 131),
        Array(
          ("This is a test using a larger than block-size key and a larger than block-size data. "
            + "The key needs to be hashed before being used by the HMAC algorithm.").utf8),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
      ),
    ])
  func `the vectors of RFC 4231 hold`(key: [UInt8], message: [UInt8], hash: String) throws {
    let expected = [UInt8](hex: hash)
    let keyed = try KeyedHash(key: key)
    #expect(try keyed.hash(of: message) == expected)
    #expect(try keyed.isValid(expected, of: message))
    for position in expected.indices {
      var other = expected
      other[position] ^= 1
      #expect(try !keyed.isValid(other, of: message))
    }
    for other in [[], Array(expected.dropLast()), expected + [0]] {
      #expect(try !keyed.isValid(other, of: message))
    }
    #expect(try !keyed.isValid(expected, of: message + [0]))
  }

  @Test func `one instance gives a message one hash, and each message its own`() throws {
    let keyedHash = try KeyedHash()
    let messages = [[], [0], [0, 0], Array("a".utf8), [UInt8](repeating: 7, count: 10_000)]
    let hashes = try messages.map(keyedHash.hash)
    #expect(hashes.allSatisfy { $0.count == 32 })
    #expect(Set(hashes).count == messages.count)
    #expect(try messages.map(keyedHash.hash) == hashes)
  }

  @Test func `two instances give a message different hashes`() throws {
    let message = Array("message".utf8)
    #expect(try KeyedHash().hash(of: message) != KeyedHash().hash(of: message))
  }

  @Test func `many threads may use one instance`() async throws {
    let key = [UInt8](repeating: 0x0B, count: 20)
    let keyedHash = try KeyedHash(key: key)
    let expected = [UInt8](hex: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          try (0..<2000).allSatisfy { _ in
            try keyedHash.hash(of: Array("Hi There".utf8)) == expected
          }
        }
      }
      for try await allAreRight in group { #expect(allAreRight) }
    }
  }
}
