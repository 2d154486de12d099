import Foundation

/// Which URLs the service calls.
public enum URLRule {
  /// https to anywhere, http to this machine only: tokens and keys must not cross a network in the clear. Neither may
  /// carry user information, nor a space or control character, which no URL has (RFC 3986 section 2) and Foundation escapes.
  public static func isAllowed(_ text: String) -> Bool {
    guard !text.unicodeScalars.contains(where: { $0.value <= 0x20 || $0.value == 0x7F }),
      let url = URL(string: text), let scheme = url.scheme?.lowercased(),
      let host = url.host(percentEncoded: false)?.lowercased(), !host.isEmpty,
      url.user(percentEncoded: false) == nil, url.password(percentEncoded: false) == nil
    else { return false }
    switch scheme {
    case "https": return true
    case "http": return isLoopback(host)
    default: return false
    }
  }

  /// By what is written, not by what a name resolves to, `localhost` aside.
  private static func isLoopback(_ host: String) -> Bool {
    if ["localhost", "::1", "[::1]"].contains(host) { return true }
    let octets = host.split(separator: ".", omittingEmptySubsequences: false)
    return octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil }
  }
}
