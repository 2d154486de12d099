import Foundation
import HTTPClient

extension GitHubError {
  /// What an answer that is no success means.
  /// - Parameters:
  ///   - response: that is no success.
  ///   - now: what a reset is measured from.
  ///   - isRegistration: whether a runner was to be registered, where a refusal without a known reason is the
  ///     organization's policy.
  init(_ response: HTTPResponse, now: Date, isRegistration: Bool = false) {
    let message = response.gitHubMessage
    switch response.status {
    case 401:
      self = response.refusesClock ? .clockRejected(message) : .credentialsRejected(message)
    case 403, 429:
      self = Self.refusal(response, message, now: now, isRegistration: isRegistration)
    case 404 where message.contains("Integration not found"):
      self = .credentialsRejected(message)
    case 404: self = .notFound
    case 409: self = .nameTaken
    case 410: self = .versionRetired
    case 500...599:
      self = .unavailable(
        "status \(response.status): \(message)", mayHaveActed: true,
        retryAfter: response.retryAfter.map { max(1, $0) })
    default: self = .refused(status: response.status, message: message)
    }
  }

  /// 403 says many things, and GitHub has no codes for them: they are told apart by words and headers.
  private static func refusal(
    _ response: HTTPResponse, _ message: String, now: Date, isRegistration: Bool
  ) -> GitHubError {
    let words = message.lowercased()
    if words.contains("suspended") { return .installationSuspended }
    if words.contains("not accessible by integration") {
      let permissions = response.header("x-accepted-github-permissions")
      return .permissionMissing(permissions.map(printable) ?? "GitHub does not say which")
    }
    if words.contains("ip allow list") { return .addressNotAllowed }
    if words.contains("saml") || response.header("x-github-sso") != nil {
      return .singleSignOnRequired
    }
    if let seconds = response.rateLimitPause(now: now) { return .rateLimited(retryAfter: seconds) }
    if response.bodyText.contains("Request forbidden by administrative rules") {
      return .userAgentRefused
    }
    return isRegistration
      ? .registrationForbidden(message) : .refused(status: response.status, message: message)
  }
}

private struct BasicError: Decodable {
  let message: String?
}

/// The beginning of a text of GitHub's, without what would break out of a line.
private func printable(_ text: String) -> String {
  String(
    text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }.prefix(200).map(
      Character.init))
}

extension HTTPResponse {
  /// Whether GitHub refuses because the organization has suspended the installation.
  var isSuspension: Bool { status == 403 && bodyText.lowercased().contains("suspended") }

  /// What GitHub says about an error; it does not always say it in JSON. At most 200 characters, and no token: it goes to the
  /// log.
  var gitHubMessage: String {
    if let error = try? JSONDecoder().decode(BasicError.self, from: Data(body)) {
      let text = (error.message ?? "").replacing(
        #/(?:gh[a-z]_|github_pat_)[A-Za-z0-9._\-]+/#, with: "[token]")
      let message = printable(text)
      return message.isEmpty ? "no message" : message
    }
    return body.isEmpty ? "no message" : "a message that is not JSON"
  }

  fileprivate var bodyText: String { String(decoding: body.prefix(4096), as: UTF8.self) }
}
