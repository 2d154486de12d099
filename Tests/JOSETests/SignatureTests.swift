import JOSE
import StrictJSON
import Testing

struct SignatureTests {
  private static let message = Array("the message".utf8)

  // MARK: - Known answers

  /// RFC 7515 appendix A.2.
  @Test func `the RS256 example of RFC 7515 verifies`() throws {
    let token =
      "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
      + "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOi"
      + "Zj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZ"
      + "LgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e"
      + "OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
      + "p0igcN_IoypGlUPQGe77Rw"
    let modulus =
      "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt"
      + "0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSX"
      + "ndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5"
      + "IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
    let keys = try keySet("{\"kty\":\"RSA\",\"n\":\"\(modulus)\",\"e\":\"AQAB\"}")
    #expect(isVerified(token, by: keys))
    #expect(try CompactJWS(token).header["alg"]?.string == "RS256")
    #expect(!isVerified(token.replacing(".cC4h", with: ".cC4i"), by: keys))
    #expect(!isVerified(token.replacing(".eyJpc3Mi", with: ".eyJpc3Nj"), by: keys))
  }

  /// RFC 7515 appendix A.3.
  @Test func `the ES256 example of RFC 7515 verifies`() throws {
    let token =
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
      + "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djx"
      + "La8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    let keys = try keySet(
      #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#
        + #""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#)
    #expect(isVerified(token, by: keys))
    #expect(!isVerified(token.replacing(".DtEh", with: ".DtEi"), by: keys))
    #expect(!isVerified(token.replacing(".eyJpc3Mi", with: ".eyJpc3Nj"), by: keys))
  }

  // MARK: - Round trips

  @Test(arguments: SignatureAlgorithm.allCases)
  func `a signature verifies under its own key and message only`(
    algorithm: SignatureAlgorithm
  ) throws {
    let key = Keys.of(algorithm)
    let publicKey = try key.publicKey()
    let signature = try key.signature(over: Self.message, algorithm: algorithm)
    #expect(publicKey.isValid(signature: signature, over: Self.message, algorithm: algorithm))

    let other = try (algorithm == .rs256 ? Keys.otherRSA : Keys.otherP256).publicKey()
    #expect(!other.isValid(signature: signature, over: Self.message, algorithm: algorithm))
    for changed in [
      Self.message + [0], Self.message.dropLast(), Self.message.flippingBit(at: 0), [],
    ] {
      #expect(!publicKey.isValid(signature: signature, over: changed, algorithm: algorithm))
    }
    for index in signature.indices {
      let changed = signature.flippingBit(at: index)
      #expect(!publicKey.isValid(signature: changed, over: Self.message, algorithm: algorithm))
    }
    for changed in [
      [], signature.dropLast(), [0] + signature, signature + [0], signature + signature,
    ] {
      #expect(!publicKey.isValid(signature: changed, over: Self.message, algorithm: algorithm))
    }
  }

  @Test(arguments: SignatureAlgorithm.allCases)
  func `an empty message and a long one can be signed`(algorithm: SignatureAlgorithm) throws {
    let key = Keys.of(algorithm)
    for message in [[], [UInt8](repeating: 7, count: 1_000_000)] {
      let signature = try key.signature(over: message, algorithm: algorithm)
      #expect(
        try key.publicKey().isValid(signature: signature, over: message, algorithm: algorithm))
    }
  }

  @Test(arguments: SignatureAlgorithm.allCases)
  func `a token that we make is one that we accept`(algorithm: SignatureAlgorithm) throws {
    let key = Keys.of(algorithm)
    let keys = try keySet(key.jwk(["kid": "\"k\""]))
    let header = "{\"alg\":\"\(algorithm.rawValue)\",\"kid\":\"k\"}"
    let good = try token(header, key: key, algorithm: algorithm)
    #expect(isVerified(good, by: keys))

    let segments = good.split(separator: ".")
    let forged = Base64URL.encode(Array(#"{"sub":"admin"}"#.utf8))
    #expect(!isVerified("\(segments[0]).\(forged).\(segments[2])", by: keys))
    let otherHeader = Base64URL.encode(
      Array("{\"alg\":\"\(algorithm.rawValue)\",\"kid\":\"k\",\"x\":1}".utf8))
    #expect(!isVerified("\(otherHeader).\(segments[1]).\(segments[2])", by: keys))
    #expect(!isVerified(good, by: keys, among: []))
  }

  @Test func `an algorithm is never tried with a key of another type`() throws {
    #expect(throws: JOSEError.unusableKey("wrong type for es256")) {
      try Keys.rsa.signature(over: Self.message, algorithm: .es256)
    }
    #expect(throws: JOSEError.unusableKey("wrong type for rs256")) {
      try Keys.p256.signature(over: Self.message, algorithm: .rs256)
    }
    let rsa = try Keys.rsa.signature(over: Self.message, algorithm: .rs256)
    let p256 = try Keys.p256.signature(over: Self.message, algorithm: .es256)
    #expect(
      try !Keys.p256.publicKey().isValid(signature: rsa, over: Self.message, algorithm: .rs256))
    #expect(
      try !Keys.rsa.publicKey().isValid(signature: p256, over: Self.message, algorithm: .es256))
  }

  // MARK: - The form of ECDSA signatures

  private static let order = [UInt8](
    hex: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")

  @Test func `an ES256 signature is 64 bytes, and nothing but 64 bytes is one`() throws {
    let publicKey = try Keys.p256.publicKey()
    // Enough of them that some have an R or S with leading zeros.
    for _ in 0..<600 {
      let raw = try Keys.p256.signature(over: Self.message, algorithm: .es256)
      #expect(raw.count == 64)
      #expect(publicKey.isValid(signature: raw, over: Self.message, algorithm: .es256))
    }
  }

  @Test func `a DER signature is refused where its raw twin is accepted`() throws {
    let key = TestKey(curve: "P-256")
    let publicKey = try PrivateKey(pem: key.pem(.pkcs8)).publicKey()
    let der = key.opensslSignature(over: Self.message)
    #expect(!publicKey.isValid(signature: der, over: Self.message, algorithm: .es256))
    let raw = try #require(rawSignature(der))
    #expect(publicKey.isValid(signature: raw, over: Self.message, algorithm: .es256))
  }

  @Test func `R or S of zero, of the order or above is refused`() throws {
    let publicKey = try Keys.p256.publicKey()
    let good = try Keys.p256.signature(over: Self.message, algorithm: .es256)
    let (r, s) = (Array(good.prefix(32)), Array(good.suffix(32)))
    #expect(publicKey.isValid(signature: r + s, over: Self.message, algorithm: .es256))
    let zero = [UInt8](repeating: 0, count: 32)
    let ones = [UInt8](repeating: 0xFF, count: 32)
    for bad in [zero, Self.order, ones] {
      for signature in [bad + s, r + bad, bad + bad] {
        #expect(!publicKey.isValid(signature: signature, over: Self.message, algorithm: .es256))
      }
    }
  }

  @Test(arguments: [0, 1, 32, 63, 65, 96, 128])
  func `an ES256 signature of another length is refused`(length: Int) throws {
    let publicKey = try Keys.p256.publicKey()
    let good = try Keys.p256.signature(over: Self.message, algorithm: .es256)
    let changed =
      length <= 64 ? Array(good.prefix(length)) : good + Array(repeating: 0, count: length - 64)
    #expect(!publicKey.isValid(signature: changed, over: Self.message, algorithm: .es256))
  }

  // MARK: - Confusion

  @Test func `a public key is never an HMAC secret`() throws {
    let key = TestKey(rsaBits: 2048)
    let privateKey = try PrivateKey(pem: key.pem(.pkcs8))
    let keys = try keySet(privateKey.jwk(["kid": "\"k\""]))
    let secrets = [key.pem(.publicKey), key.number("n"), Array(try privateKey.jwk().utf8)]
    for secret in secrets {
      let input =
        Base64URL.encode(Array(#"{"alg":"HS256","kid":"k"}"#.utf8)) + "."
        + Base64URL.encode(Array(#"{"sub":"admin"}"#.utf8))
      let mac = TestKey.hmac(Array(input.utf8), secret: secret)
      #expect(!isVerified(input + "." + Base64URL.encode(mac), by: keys))
    }
    #expect(isVerified(try token(#"{"alg":"RS256","kid":"k"}"#, key: privateKey), by: keys))
  }

  @Test func `the header's algorithm cannot choose another key type`() throws {
    let keys = try keySet(Keys.p256.jwk(["kid": "\"k\""]))
    let rsaToken = try token(#"{"alg":"RS256","kid":"k"}"#)
    #expect(!isVerified(rsaToken, by: keys))
    let good = try token(#"{"alg":"ES256","kid":"k"}"#, key: Keys.p256, algorithm: .es256)
    #expect(isVerified(good, by: keys))
    // Signed with the right key under the wrong name.
    let misnamed = try token(#"{"alg":"RS256","kid":"k"}"#, key: Keys.p256, algorithm: .es256)
    #expect(!isVerified(misnamed, by: keys))
  }

  @Test func `an unsigned token is refused, with and without a signature segment`() throws {
    let keys = try keySet(Keys.rsa.jwk())
    for name in ["none", "None", "NONE", "nOnE"] {
      let input = Base64URL.encode(Array("{\"alg\":\"\(name)\"}".utf8)) + ".e30"
      for signature in ["", ".", ".AQ"] { #expect(!isVerified(input + signature, by: keys)) }
    }
    #expect(isVerified(try token(#"{"alg":"RS256"}"#), by: keys))
  }

  private func rawSignature(_ der: [UInt8]) -> [UInt8]? {
    var rest = der[...]
    func integer() -> [UInt8]? {
      guard rest.popFirst() == 0x02, let length = rest.popFirst() else { return nil }
      let value = Array(rest.prefix(Int(length)).drop { $0 == 0 })
      rest = rest.dropFirst(Int(length))
      return Array(repeating: 0, count: 32 - value.count) + value
    }
    guard rest.popFirst() == 0x30, rest.popFirst() != nil, let r = integer(), let s = integer()
    else { return nil }
    return r + s
  }
}
