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

  /// RFC 8037 appendix A.4.
  @Test func `the EdDSA example of RFC 8037 verifies`() throws {
    let token =
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
      + "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    let keys = try keySet(
      #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)
    #expect(isVerified(token, by: keys))
    #expect(!isVerified(token, by: keys, among: [.rs256, .es256]))
    #expect(!isVerified(token.replacing(".hgyY", with: ".hgyZ"), by: keys))
    #expect(!isVerified(token.replacing(".RXhh", with: ".RXhi"), by: keys))
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

    let other = try Keys.other(algorithm).publicKey()
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
}
