import Foundation
import Glibc
import JOSE
import Storage

/// The file that holds the GitHub App's private key.
struct PrivateKeyFile {
  let path: String
  /// Where systemd puts what a unit's `LoadCredential=` names, for this process alone; nil where it puts nothing.
  var credentialsDirectory = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"]

  /// Why it cannot be used, for the admin who configured it.
  struct Fault: Error {
    let reason: String
  }

  /// Throws unless it is a private key that only its owner can read.
  func read() throws(Fault) -> PrivateKey {
    let file = try open()
    guard file.isRegular else { throw Fault(reason: "\(path) is not a file") }
    let access = Access(mode: file.mode, owner: Int(file.owner), group: Int(file.group))
    guard access.isPrivate(asCredential: isCredential(file.resolvedPath)) else {
      throw Fault(reason: "\(path) can be read by others; run chmod 600 \(path)")
    }
    let pem: [UInt8]
    do { pem = try file.contents() } catch {
      throw Fault(reason: "\(path) cannot be read: \(error)")
    }
    let key: PrivateKey
    do { key = try PrivateKey(pem: pem) } catch {
      throw Fault(reason: "\(path) is not an unencrypted RSA private key in PEM")
    }
    guard key.type == .rsa else {
      throw Fault(reason: "\(path) is not an RSA key, and GitHub gives Apps no other")
    }
    return key
  }

  private func open() throws(Fault) -> OpenedFile {
    do { return try OpenedFile(path: path, flags: O_NONBLOCK) } catch {
      throw Fault(reason: error.reason(at: path))
    }
  }

  /// Whether a path without links in it lies in the directory of credentials.
  private func isCredential(_ target: String?) -> Bool {
    guard let target, let credentialsDirectory, credentialsDirectory.hasPrefix("/") else {
      return false
    }
    let directory = URL(fileURLWithPath: credentialsDirectory).resolvingSymlinksInPath().path
    return directory != "/" && target.hasPrefix(directory + "/")
  }

  /// Who may do what with a file, as far as its mode says so.
  struct Access {
    let mode: Int
    let owner: Int?
    let group: Int?

    /// Whether only the owner can read it.
    ///
    /// A credential is root's, and an access control list lets the service's user read it. Of such a list, the mode shows
    /// what it allows at most in place of what the group may (acl(5)): that one bit is allowed, for root's group.
    func isPrivate(asCredential isCredential: Bool) -> Bool {
      if mode & 0o077 == 0 { return true }
      return isCredential && mode & 0o037 == 0 && owner == 0 && group == 0
    }
  }
}
