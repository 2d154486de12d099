import Foundation
import Testing

@testable import JOSE

struct ROCAFingerprintTests {
  @Test func `the small primes are the odd ones up to 701`() {
    #expect(ROCAFingerprint.smallPrimes.prefix(9) == [3, 5, 7, 11, 13, 17, 19, 23, 29])
    #expect(ROCAFingerprint.smallPrimes.last == 701)
    #expect(ROCAFingerprint.smallPrimes.count == 125)
  }

  /// 65537 to any power is in the subgroup modulo every prime, as the faulty generator's moduli are.
  @Test(arguments: [1, 2, 64, 121, 128])
  func `a power of 65537 has the fingerprint, and its neighbours have not`(exponent: Int) {
    let power = (0..<exponent).reduce([1] as [UInt8]) { number, _ in Self.times65537(number) }
    #expect(ROCAFingerprint.matches(modulus: power))
    #expect(ROCAFingerprint.matches(modulus: [0, 0] + power))
    var next = power
    next[next.count - 1] += 2
    #expect(!ROCAFingerprint.matches(modulus: next))
  }

  @Test func `an RSA key with the fingerprint is refused`() throws {
    // 16 * 128 + 1 bits.
    let modulus = (0..<128).reduce([1] as [UInt8]) { number, _ in Self.times65537(number) }
    #expect(throws: JOSEError.unusableKey("RSA key of a faulty generator (CVE-2017-15361)")) {
      try PublicKey.rsa(modulus: modulus, exponent: [1, 0, 1])
    }
    var other = modulus
    other[other.count - 1] += 2
    #expect(throws: Never.self) { try PublicKey.rsa(modulus: other, exponent: [1, 0, 1]) }
  }

  @Test func `an honest key is accepted`() throws {
    for key in [Keys.rsa, Keys.otherRSA] {
      let modulus = try #require(key.publicJWKMembers()["n"].flatMap(Base64URL.decode))
      #expect(!ROCAFingerprint.matches(modulus: modulus))
      #expect(try PublicKey.rsa(modulus: modulus, exponent: [1, 0, 1]).type == .rsa)
    }
  }

  @Test func `the chance to refuse an honest key is one in 2 to the 167`() {
    let logarithm = ROCAFingerprint.smallPrimes.reduce(0.0) { sum, prime in
      var (order, power) = (1, 65537 % prime)
      while power != 1 { (order, power) = (order + 1, power * 65537 % prime) }
      return sum + log2(Double(order) / Double(prime - 1))
    }
    #expect((-168.0 ... -167.0).contains(logarithm))
  }

  /// Big-endian: the number, and the number moved by two bytes.
  private static func times65537(_ number: [UInt8]) -> [UInt8] {
    let shifted = number + [0, 0]
    let padded = [0, 0] + number
    var sum = [UInt8](repeating: 0, count: shifted.count + 1)
    var carry = 0
    for index in shifted.indices.reversed() {
      carry += Int(shifted[index]) + Int(padded[index])
      sum[index + 1] = UInt8(carry & 0xFF)
      carry >>= 8
    }
    sum[0] = UInt8(carry)
    return Array(sum.drop { $0 == 0 })
  }
}
