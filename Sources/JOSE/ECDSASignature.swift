import COpenSSL

/// The two forms of an ECDSA signature on P-256: JOSE's R and S side by side (RFC 7518 section 3.4), and the DER
/// sequence that OpenSSL speaks.
enum ECDSASignature {
  private static let coordinateSize = 32

  /// nil unless `raw` is exactly 64 bytes. OpenSSL refuses R or S of zero, or not below the order of the curve.
  static func der(fromRaw raw: [UInt8]) -> [UInt8]? {
    guard raw.count == 2 * coordinateSize, let signature = ECDSA_SIG_new() else { return nil }
    defer { ECDSA_SIG_free(signature) }
    let r = raw.withUnsafeBufferPointer { BN_bin2bn($0.baseAddress, Int32(coordinateSize), nil) }
    let s = raw.dropFirst(coordinateSize).withUnsafeBufferPointer {
      BN_bin2bn($0.baseAddress, Int32(coordinateSize), nil)
    }
    guard ECDSA_SIG_set0(signature, r, s) == 1 else {
      BN_free(r)
      BN_free(s)
      return nil
    }
    let size = i2d_ECDSA_SIG(signature, nil)
    guard size > 0 else { return nil }
    return [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
      var end = buffer.baseAddress
      count = Int(max(0, i2d_ECDSA_SIG(signature, &end)))
    }
  }

  /// nil if `der` is not a signature, or not one on a curve of 256 bits.
  static func raw(fromDER der: [UInt8]) -> [UInt8]? {
    let signature = der.withUnsafeBufferPointer { buffer in
      var start = buffer.baseAddress
      return d2i_ECDSA_SIG(nil, &start, buffer.count)
    }
    guard let signature else { return nil }
    defer { ECDSA_SIG_free(signature) }
    var raw = [UInt8](repeating: 0, count: 2 * coordinateSize)
    let complete = raw.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return false }
      return BN_bn2binpad(ECDSA_SIG_get0_r(signature), base, Int32(coordinateSize)) > 0
        && BN_bn2binpad(
          ECDSA_SIG_get0_s(signature), base + coordinateSize, Int32(coordinateSize)) > 0
    }
    return complete ? raw : nil
  }
}
