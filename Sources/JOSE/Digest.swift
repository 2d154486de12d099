import COpenSSL

/// One-way fingerprints.
public enum Digest {
  /// SHA-256 of `bytes`, as 64 lower-case hex digits.
  public static func sha256Hex(_ bytes: [UInt8]) throws(JOSEError) -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    guard EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil) == 1 else {
      throw .cryptography("SHA-256")
    }
    return digest.map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }
}
