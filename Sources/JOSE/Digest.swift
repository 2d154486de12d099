import COpenSSL

/// One-way fingerprints.
public enum Digest {
  /// SHA-256 of `bytes`, as 64 lower-case hex digits.
  public static func sha256Hex(_ bytes: [UInt8]) throws(JOSEError) -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    guard EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil) == 1 else {
      throw .cryptography("SHA-256")
    }
    return hex(digest)
  }

  /// `bytes` as lower-case hex digits.
  static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
      for (index, byte) in bytes.enumerated() {
        buffer[index * 2] = digits[Int(byte >> 4)]
        buffer[index * 2 + 1] = digits[Int(byte & 0xF)]
      }
      return bytes.count * 2
    }
  }
}

/// SHA-256 of what comes piece by piece.
public final class RunningDigest {
  private let context: OpaquePointer

  /// Of nothing yet. Throws where OpenSSL cannot, as where there is no memory.
  public init() throws(JOSEError) {
    guard let context = EVP_MD_CTX_new() else { throw .cryptography("SHA-256") }
    self.context = context
    guard EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      throw .cryptography("SHA-256")
    }
  }

  deinit {
    EVP_MD_CTX_free(context)
  }

  /// Goes on with these bytes.
  public func add(_ bytes: [UInt8]) throws(JOSEError) {
    guard EVP_DigestUpdate(context, bytes, bytes.count) == 1 else {
      throw .cryptography("SHA-256")
    }
  }

  /// Of all that was added, as 64 lower-case hex digits. Nothing can be added after.
  public func finish() throws(JOSEError) -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    guard EVP_DigestFinal_ex(context, &digest, nil) == 1 else { throw .cryptography("SHA-256") }
    return Digest.hex(digest)
  }
}
