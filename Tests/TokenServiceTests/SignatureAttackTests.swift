import JOSE
import TestSupport
import Testing

/// Signatures that are almost right.
@Suite struct SignatureAttackTests {
  private static let zero = [UInt8](repeating: 0, count: 32)
  private static let ones = [UInt8](repeating: 0xFF, count: 32)

  /// What becomes of a good signature's R and S.
  struct Change: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let apply: @Sendable (_ r: [UInt8], _ s: [UInt8]) -> [UInt8]

    init(
      _ name: String, _ apply: @escaping @Sendable (_ r: [UInt8], _ s: [UInt8]) -> [UInt8]
    ) {
      testDescription = name
      self.apply = apply
    }
  }

  @Test(arguments: [
    Change("DER") { ECDSAForm.der(fromRaw: $0 + $1) },
    Change("63 bytes, the last missing") { $0 + $1.dropLast() },
    Change("63 bytes, the first missing") { $0.dropFirst() + $1 },
    Change("65 bytes, a zero at the end") { $0 + $1 + [0] },
    Change("65 bytes, a zero in front") { [0] + $0 + $1 },
    Change("66 bytes, each number with a zero") { [0] + $0 + [0] + $1 },
    Change("96 bytes, as for P-384") { Array(zero.prefix(16)) + $0 + Array(zero.prefix(16)) + $1 },
    Change("R alone") { r, _ in r },
    Change("one byte") { _, _ in [0] },
    Change("S and R") { $1 + $0 },
    Change("R zero") { zero + $1 },
    Change("S zero") { r, _ in r + zero },
    Change("both zero") { _, _ in zero + zero },
    Change("R the order") { ECDSAForm.order + $1 },
    Change("S the order") { r, _ in r + ECDSAForm.order },
    Change("both the order") { _, _ in ECDSAForm.order + ECDSAForm.order },
    Change("R all ones") { ones + $1 },
    Change("S all ones") { r, _ in r + ones },
    Change("one bit of S") { $0 + $1.dropLast() + [($1.last ?? 0) ^ 1] },
    Change("R negated") { ECDSAForm.negated($0) + $1 },
  ])
  func `an ECDSA signature in any other form, or out of range, is refused`(change: Change) throws {
    let service = try AttackedService()
    let key = AttackKeys.ec.privateKey
    try service.expectRefused(
      service.token(keyID: "ec-1") { input in
        let good = try key.signature(over: input, algorithm: .es256)
        return change.apply(Array(good.prefix(32)), Array(good.suffix(32)))
      })
    try service.expectAccepted(service.token(keyID: "ec-1"))
  }

  /// R and n − S are a signature too, which anybody can compute: tokens cannot be told apart by their bytes.
  @Test func `the twin of an ECDSA signature is valid, and still the same token`() throws {
    let service = try AttackedService(hasSingleUseTokens: true)
    let token = try service.token(["jti": #""t-1""#], keyID: "ec-1")
    let segments = token.split(separator: ".").map(String.init)
    let signature = try #require(Base64URL.decode(segments[2]))
    let twin =
      segments[0] + "." + segments[1] + "."
      + Base64URL.encode(signature.prefix(32) + ECDSAForm.negated(Array(signature.suffix(32))))
    #expect(twin != token)
    try service.expectAccepted(twin)
    #expect(service.provision(token, name: "ci-2").problem == "401 INVALID_TOKEN")
    #expect(service.provision(twin, name: "ci-2").problem == "401 INVALID_TOKEN")
    try service.expectAccepted(service.token(["jti": #""t-2""#], keyID: "ec-1"))
  }

  @Test(arguments: [
    Change("without its last byte") { signature, _ in signature.dropLast() },
    Change("without its first byte") { signature, _ in Array(signature.dropFirst()) },
    Change("with a zero in front") { signature, _ in [0] + signature },
    Change("with a byte behind") { signature, _ in signature + [0] },
    Change("twice") { signature, _ in signature + signature },
    Change("with one bit turned") { signature, _ in
      signature.dropLast() + [(signature.last ?? 0) ^ 1]
    },
    Change("all zero") { signature, _ in signature.map { _ in 0 } },
    Change("the number one") { signature, _ in signature.dropLast().map { _ in 0 } + [1] },
    Change("the padded digest itself") { _, input in PKCS1.paddedDigest(of: input) },
    Change("the digest itself") { _, input in PKCS1.digest(of: input) },
    Change("one byte") { _, _ in [0] },
  ])
  func `an RSA signature that is not exactly right is refused`(change: Change) throws {
    let service = try AttackedService()
    try service.expectRefused(
      service.token(keyID: "rsa-1") { input in
        let good = try AttackKeys.rsa.privateKey.signature(over: input, algorithm: .rs256)
        return change.apply(good, input)
      })
    try service.expectAccepted(service.token())
  }

  @Test(arguments: ["rsa-1", "ec-1"])
  func `a signature does not hold for another header or other claims`(keyID: String) throws {
    let service = try AttackedService()
    let segments = try service.segments(keyID: keyID)
    let other = try service.token(["sub": #""admin""#], keyID: keyID).split(separator: ".")
    let header = try #require(Base64URL.decode(segments[0]))
    let longer = Base64URL.encode(header.dropLast() + Array(#","x":1}"#.utf8))
    try service.expectRefused("\(segments[0]).\(other[1]).\(segments[2])")
    try service.expectRefused("\(segments[0]).\(segments[1]).\(other[2])")
    try service.expectRefused("\(longer).\(segments[1]).\(segments[2])")
    try service.expectAccepted(segments.joined(separator: "."))
    // Nor once the token is known to be well signed.
    try service.expectRefused("\(segments[0]).\(other[1]).\(segments[2])")
  }

  @Test(arguments: ["rsa-1", "ec-1"])
  func `a stranger's signature under the provider's key id is refused`(keyID: String) throws {
    let service = try AttackedService()
    try service.expectRefused(
      service.attacker.token(payload: service.honestTexts().payload, keyID: keyID))
    try service.expectAccepted(service.token(keyID: keyID))
  }

  @Test(arguments: ["rsa-1", "ec-1"])
  func `one issuer's key does not sign another's tokens, though both keys have one id`(
    keyID: String
  ) throws {
    let service = try AttackedService(hasPartner: true)
    try service.expectAccepted(service.token(keyID: keyID))
    let own = ["iss": "\"\(AttackedService.partner)\""]
    let now = service.world.clock.date
    try service.expectAccepted(service.attacker.token(at: now, claims: own, keyID: keyID))
    try service.expectRefused(
      service.attacker.token(payload: service.honestTexts().payload, keyID: keyID))
    try service.expectRefused(service.token(own, keyID: keyID))
  }
}

/// ECDSA signatures on P-256, as numbers.
enum ECDSAForm {
  /// n, the order of P-256 (SP 800-186 section 3.2.1.3).
  static let order: [UInt8] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
  ]

  /// n − `number`, for a number of 32 bytes.
  static func negated(_ number: [UInt8]) -> [UInt8] {
    var difference = order
    var borrow = 0
    for index in difference.indices.reversed() {
      let digit = Int(order[index]) - Int(number[index]) - borrow
      difference[index] = UInt8(truncatingIfNeeded: digit)
      borrow = digit < 0 ? 1 : 0
    }
    return difference
  }

  static func der(fromRaw raw: [UInt8]) -> [UInt8] {
    let integers = [raw.prefix(32), raw.suffix(32)].flatMap { number -> [UInt8] in
      let digits = Array(number.drop { $0 == 0 })
      let value = (digits.first ?? 0) >= 0x80 ? [0] + digits : digits
      return [0x02, UInt8(value.count)] + value
    }
    return [0x30, UInt8(integers.count)] + integers
  }

  static func raw(fromDER der: [UInt8]) -> [UInt8] {
    let rLength = Int(der[3])
    let integers = [der[4..<(4 + rLength)], der[(6 + rLength)...]]
    return integers.flatMap { number -> [UInt8] in
      let digits = Array(number.drop { $0 == 0 })
      return [UInt8](repeating: 0, count: 32 - digits.count) + digits
    }
  }
}

/// RFC 8017 section 9.2, for SHA-256 and 2048 bits.
enum PKCS1 {
  static func digest(of message: [UInt8]) -> [UInt8] {
    let hex = Array((try? Digest.sha256Hex(message)) ?? "")
    return stride(from: 0, to: hex.count, by: 2).compactMap {
      UInt8(String(hex[$0...($0 + 1)]), radix: 16)
    }
  }

  static func paddedDigest(of message: [UInt8]) -> [UInt8] {
    let identifier: [UInt8] = [
      0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
      0x05, 0x00, 0x04, 0x20,
    ]
    let info = identifier + digest(of: message)
    return [0, 1] + [UInt8](repeating: 0xFF, count: 256 - 3 - info.count) + [0] + info
  }
}
