import COpenSSL
import JOSE
import Testing

struct Ed25519Tests {
  private static let message = Array("the message".utf8)

  /// RFC 8032 section 7.1, tests 1 to 3.
  @Test(
    arguments: [
      (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
          + "f9b46bd25bf5f0595bbe24655141438e7a100b"
      ),
      (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
          + "f11d8c387b2eaeb4302aeeb00d291612bb0c00"
      ),
      (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984"
          + "dc6594a7c15e9716ed28dc027beceea1ec40a"
      ),
    ])
  func `the vectors of RFC 8032 hold`(key: String, message: String, signature: String) throws {
    let publicKey = try PublicKey.ed25519([UInt8](hex: key))
    let (message, signature) = ([UInt8](hex: message), [UInt8](hex: signature))
    #expect(publicKey.isValid(signature: signature, over: message, algorithm: .edDSA))
    #expect(!publicKey.isValid(signature: signature, over: message + [0], algorithm: .edDSA))
  }

  @Test(arguments: [0, 1, 31, 33, 57, 64])
  func `a key of another size than 32 bytes is refused`(size: Int) throws {
    #expect(throws: JOSEError.unusableKey("Ed25519 key size")) {
      try PublicKey.ed25519([UInt8](repeating: 9, count: size))
    }
  }

  /// S and S plus the order of the group are one number to the curve (RFC 8032 section 5.1.7 asks for the smaller).
  @Test func `a signature whose S is not reduced is refused`() throws {
    let publicKey = try Keys.ed25519.publicKey()
    var signature = try Keys.ed25519.signature(over: Self.message, algorithm: .edDSA)
    #expect(publicKey.isValid(signature: signature, over: Self.message, algorithm: .edDSA))
    let order = [UInt8](
      hex: "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
    var carry = 0
    for index in 0..<32 {
      carry += Int(signature[32 + index]) + Int(order[index])
      signature[32 + index] = UInt8(carry & 0xFF)
      carry >>= 8
    }
    #expect(!publicKey.isValid(signature: signature, over: Self.message, algorithm: .edDSA))
  }

  @Test func `a key that is no point verifies nothing`() throws {
    let signature = try Keys.ed25519.signature(over: Self.message, algorithm: .edDSA)
    let noPoint = try PublicKey.ed25519([2] + [UInt8](repeating: 0, count: 31))
    #expect(!noPoint.isValid(signature: signature, over: Self.message, algorithm: .edDSA))
  }

  // MARK: - Points of small order

  private static let neutral: [UInt8] = [1] + [UInt8](repeating: 0, count: 31)

  @Test func `a key of small order, under which anybody can sign, is refused`() throws {
    // R the neutral element and S zero: OpenSSL takes it for any message under the neutral key.
    let forged = Self.neutral + [UInt8](repeating: 0, count: 32)
    #expect(opensslVerifies(forged, key: Self.neutral))

    #expect(throws: JOSEError.unusableKey("Ed25519 small order")) {
      try PublicKey.ed25519(Self.neutral)
    }
    #expect(
      try !Keys.ed25519.publicKey().isValid(
        signature: forged, over: Self.message, algorithm: .edDSA))
  }

  @Test(
    arguments: [
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ])
  func `every spelling of a point of small order is refused`(key: String) throws {
    let positive = [UInt8](hex: key)
    let negative: [UInt8] = positive.dropLast() + [positive[31] | 0x80]
    for bytes in [positive, negative] {
      #expect(throws: JOSEError.unusableKey("Ed25519 small order")) {
        try PublicKey.ed25519(bytes)
      }
    }
    #expect(throws: Never.self) { try PublicKey.ed25519(positive.flippingBit(at: 15)) }
  }

  private func opensslVerifies(_ signature: [UInt8], key: [UInt8]) -> Bool {
    let key = EVP_PKEY_new_raw_public_key_ex(nil, "ED25519", nil, key, key.count)
    let context = EVP_MD_CTX_new()
    defer {
      EVP_MD_CTX_free(context)
      EVP_PKEY_free(key)
    }
    return EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
      && EVP_DigestVerify(
        context, signature, signature.count, Self.message, Self.message.count) == 1
  }
}
