import COpenSSL

/// The two forms of an ECDSA signature: JOSE's R and S side by side (RFC 7518 section 3.4), and the DER sequence that
/// OpenSSL speaks.
enum ECDSASignature {
  /// nil unless `raw` is exactly two coordinates of the curve. OpenSSL refuses R or S of zero, or not below the order
  /// of the curve, when it verifies.
  static func der(fromRaw raw: [UInt8], on curve: NISTCurve) -> [UInt8]? {
    let half = curve.coordinateSize
    guard raw.count == 2 * half, let signature = ECDSA_SIG_new() else { return nil }
    defer { ECDSA_SIG_free(signature) }
    let r = raw.withUnsafeBufferPointer { BN_bin2bn($0.baseAddress, Int32(half), nil) }
    let s = raw.dropFirst(half).withUnsafeBufferPointer {
      BN_bin2bn($0.baseAddress, Int32(half), nil)
    }
    // Takes ownership of both numbers, or of neither.
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

  /// nil if `der` is not a signature, or its numbers are too large for the curve.
  static func raw(fromDER der: [UInt8], on curve: NISTCurve) -> [UInt8]? {
    let signature = der.withUnsafeBufferPointer { buffer in
      var start = buffer.baseAddress
      return d2i_ECDSA_SIG(nil, &start, buffer.count)
    }
    guard let signature else { return nil }
    defer { ECDSA_SIG_free(signature) }
    let half = curve.coordinateSize
    var raw = [UInt8](repeating: 0, count: 2 * half)
    let complete = raw.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return false }
      return BN_bn2binpad(ECDSA_SIG_get0_r(signature), base, Int32(half)) > 0
        && BN_bn2binpad(ECDSA_SIG_get0_s(signature), base + half, Int32(half)) > 0
    }
    return complete ? raw : nil
  }
}
