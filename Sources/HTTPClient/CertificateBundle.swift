import Foundation

/// A file of CA certificates to trust for some requests: PEM, with any text around the certificates (RFC 7468).
public enum CertificateBundle {
  /// Why it cannot be used, for the admin who configured it.
  public struct Fault: Error, Sendable, Equatable {
    /// A sentence that names the file.
    public let reason: String
  }

  /// Looks at a bundle when the configuration is read, so that a wrong path does not show at the first request only. Throws
  /// unless it is a file that this user can read, with at least one certificate and none that is cut short or garbled. What
  /// is in the certificates is looked at with each connection.
  public static func check(path: String) throws(Fault) {
    let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: target) else {
      throw Fault(reason: "there is no file \(path), or this user may not see it")
    }
    guard attributes[.type] as? FileAttributeType == .typeRegular else {
      throw Fault(reason: "\(path) is not a file")
    }
    guard let contents = FileManager.default.contents(atPath: path) else {
      throw Fault(reason: "\(path) cannot be read by this user")
    }
    let blocks = String(decoding: contents, as: UTF8.self)
      .components(separatedBy: "-----BEGIN CERTIFICATE-----").dropFirst()
    guard !blocks.isEmpty else { throw Fault(reason: "\(path) holds no certificate in PEM") }
    guard blocks.allSatisfy(isCertificate) else {
      throw Fault(reason: "\(path) holds a certificate that is cut short or garbled")
    }
  }

  /// Whether text that follows a BEGIN line goes on as DER in base64, up to an END line. A certificate is a SEQUENCE.
  private static func isCertificate(_ block: String) -> Bool {
    guard let end = block.range(of: "-----END CERTIFICATE-----") else { return false }
    let base64 = block[..<end.lowerBound].filter { !$0.isWhitespace }
    return Data(base64Encoded: String(base64))?.first == 0x30
  }
}
