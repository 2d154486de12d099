import Foundation

/// Whom a URL addresses: scheme, host and port (RFC 6454 section 4). Our tokens go to one only.
struct Origin: Equatable, Sendable {
  private let scheme: String
  private let host: String
  private let port: Int

  /// nil for what is no http or https URL, and for one that carries user information.
  init?(_ url: String) {
    guard let url = URL(string: url), let scheme = url.scheme?.lowercased(),
      let host = url.host(percentEncoded: false)?.lowercased(), !host.isEmpty,
      url.user(percentEncoded: false) == nil, url.password(percentEncoded: false) == nil,
      let usualPort = ["https": 443, "http": 80][scheme]
    else { return nil }
    self.scheme = scheme
    self.host = host
    port = url.port ?? usualPort
  }
}
