import Foundation
import Runners
import Storage

/// The App's private key where the installed units look for it: there alone, whatever the configuration says.
struct InstalledKey {
  static let standardPath = "/etc/runner-token-service/github-app.pem"
  var path = Self.standardPath

  /// What to do where the service would start with another key than the one that was proved, or with none. nil where it would
  /// not.
  func warning(provedKeys: [String]) -> String? {
    guard let first = provedKeys.first, !provedKeys.contains(path) else { return nil }
    let proved = try? OpenedFile(path: first).contents()
    if let proved, let installed = try? OpenedFile(path: path).contents(), installed == proved {
      return nil
    }
    let exists = FileManager.default.fileExists(atPath: path)
    return """
      the service does not read its key from \(first): systemd gives it \(path), \
      \(exists ? "which is another key" : "which does not exist"). Before you start it, install the key that was proved:

        sudo install -m 600 -o root -g root \(first.quotedForShell) \(path)
      """
  }
}
