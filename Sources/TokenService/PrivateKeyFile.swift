import Foundation
import JOSE

/// The file that holds the GitHub App's private key.
struct PrivateKeyFile {
  let path: String

  /// Why it cannot be used, for the admin who configured it.
  struct Fault: Error {
    let reason: String
  }

  /// Throws unless it is a private key that only its owner can read.
  func read() throws(Fault) -> PrivateKey {
    let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: target) else {
      throw Fault(reason: "there is no file \(path), or this user may not see it")
    }
    guard attributes[.type] as? FileAttributeType == .typeRegular else {
      throw Fault(reason: "\(path) is not a file")
    }
    let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0o777
    guard mode & 0o077 == 0 else {
      throw Fault(reason: "\(path) can be read by others; run chmod 600 \(path)")
    }
    guard let pem = FileManager.default.contents(atPath: path) else {
      throw Fault(reason: "\(path) cannot be read by this user")
    }
    let key: PrivateKey
    do { key = try PrivateKey(pem: Array(pem)) } catch {
      throw Fault(reason: "\(path) is not an unencrypted RSA private key in PEM")
    }
    guard key.type == .rsa else {
      throw Fault(reason: "\(path) is not an RSA key, and GitHub gives Apps no other")
    }
    return key
  }
}
