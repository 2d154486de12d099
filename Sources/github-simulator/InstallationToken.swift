import Foundation
import JOSE

/// What the GitHub App works with for an hour.
struct InstallationToken: Sendable {
  enum Level: String, Sendable, Comparable, Encodable {
    case read, write

    static func < (left: Level, right: Level) -> Bool { left == .read && right == .write }
  }

  /// What the organization has granted to the App.
  static let granted: [String: Level] = [
    "actions": .read, "metadata": .read, "organization_self_hosted_runners": .write,
  ]

  let text: String
  let expiry: Date
  let permissions: [String: Level]

  /// In the format of 2026, which carries a JWT: about 520 characters with dots and underscores.
  /// The JWT's signature is made up; what counts is that the simulator remembers the token.
  init(settings: Simulator.Settings, expiry: Date, permissions: [String: Level]) {
    let header = #"{"alg":"RS256","typ":"JWT"}"#
    let payload =
      #"{"exp":\#(expiry.unixSeconds),"iss":"simulator","jti":"\#(Random.hex(32))","#
      + #""sub":"installation:\#(settings.installationID)"}"#
    text =
      "ghs_\(settings.appID)_\(Base64URL.encode(header.utf8))."
      + "\(Base64URL.encode(payload.utf8)).\(Base64URL.encode(Random.bytes(256)))"
    self.expiry = expiry
    self.permissions = permissions
  }

  func allows(_ level: Level) -> Bool {
    permissions["organization_self_hosted_runners"].map { $0 >= level } ?? false
  }
}
