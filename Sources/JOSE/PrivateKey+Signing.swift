import COpenSSL

extension PrivateKey {
  /// Signs `message` in the form that JWS wants (RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1). Throws
  /// `unusableKey` for an algorithm of another key type.
  public func signature(
    over message: [UInt8], algorithm: SignatureAlgorithm
  ) throws(JOSEError) -> [UInt8] {
    guard algorithm.keyType == type else { throw .unusableKey("wrong type for \(algorithm)") }
    defer { ERR_clear_error() }
    guard let context = EVP_MD_CTX_new() else { throw .cryptography("out of memory") }
    defer { EVP_MD_CTX_free(context) }
    // Belongs to `context`.
    var keyContext: OpaquePointer?
    var size = 0
    guard EVP_DigestSignInit(context, &keyContext, algorithm.digest, nil, key.pointer) == 1,
      algorithm.setPadding(of: keyContext),
      EVP_DigestSign(context, nil, &size, message, message.count) == 1
    else { throw .cryptography("signing") }
    var signature = [UInt8](repeating: 0, count: size)
    guard EVP_DigestSign(context, &signature, &size, message, message.count) == 1 else {
      throw .cryptography("signing")
    }
    // The first call told the largest size; DER is often shorter.
    signature.removeLast(signature.count - size)
    guard let curve = type.curve else { return signature }
    guard let raw = ECDSASignature.raw(fromDER: signature, on: curve) else {
      throw .cryptography("signing")
    }
    return raw
  }

  /// A signed token in JWS compact serialization. `header` and `payload` are JSON texts; the header's `alg` must be
  /// `algorithm`.
  public func compactJWS(
    header: [UInt8], payload: [UInt8], algorithm: SignatureAlgorithm
  ) throws(JOSEError) -> String {
    let signingInput = Base64URL.encode(header) + "." + Base64URL.encode(payload)
    let signature = try signature(over: Array(signingInput.utf8), algorithm: algorithm)
    return signingInput + "." + Base64URL.encode(signature)
  }
}
