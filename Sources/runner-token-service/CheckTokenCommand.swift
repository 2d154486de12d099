import ArgumentParser
import Foundation
import Glibc
import HTTPClient
import OIDC
import Runners
import Storage
import TokenService

/// `check-token`: why a token is refused, check by check.
struct CheckTokenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-token",
    abstract: "Say what the service thinks of a token, check by check.",
    discussion: """
      Reads the token from standard input, so that it stands in no argument list. Goes through the very checks that \
      a worker goes through and fetches the provider's keys as a worker does; changes nothing, and does not use up \
      a token that is good for one runner only.

      Ends with status 0 if the token would be accepted, 1 if not or if the provider's keys cannot be fetched, 64 if \
      there is no token or no such provider, 78 if the configuration cannot be used.

      Example:
        runner-token-service check-token --env-file service.env < token
      """)

  @OptionGroup var configuration: ConfigurationOptions

  @Option(
    help: ArgumentHelp(
      "Check against this provider alone, by its name in OIDC_PROVIDERS_FILE.", valueName: "name"))
  var provider: String?

  func run() throws {
    let settings = try configuration.settings()
    guard let validator = try settings.tokenValidator(http: .curl(), only: selected(in: settings))
    else {
      Diagnostic.print("ENABLE_OIDC_AUTH is false: no token is looked at.")
      throw ExitCode.configuration
    }
    let token = try Self.readToken()
    Self.printContent(of: token)
    var open = TokenCheck.allCases[...]
    let claims: Claims
    do throws(TokenRefusal) {
      claims = try validator.validate(token, now: Date()) { check in
        print("ok      \(check.rawValue)")
        open = open.drop { $0 != check }.dropFirst()
      }
    } catch {
      if let failed = open.first { print("FAILED  \(failed.rawValue)") }
      for check in open.dropFirst() { print("-       \(check.rawValue)") }
      print("\n\(Self.explanation(of: error))")
      if open.first == .key {
        for (provider, ids) in validator.keyIDs() {
          let list = ids.isEmpty ? "none" : ids.joined(separator: ", ").visible
          print("Keys of \(provider) that can be used: \(list)")
        }
      }
      throw ExitCode.failure
    }
    if settings.hasSingleUseTokens, try Self.hasBeenUsed(claims, settings) {
      print("\n\(Self.explanation(of: .invalid(.alreadyUsed)))")
      throw ExitCode.failure
    }
    Self.printAcceptance(claims, settings.principal(for: claims))
  }

  private static func hasBeenUsed(_ claims: Claims, _ settings: Settings) throws -> Bool {
    guard let token = try settings.singleUseToken(claims) else { return false }
    do {
      let database = try ServiceState.database(at: settings.databasePath)
      let isUsed = try database.read { try $0.usedTokens.contains(token) }
      print(isUsed ? "FAILED  not used before" : "ok      not used before")
      return isUsed
    } catch {
      print("-       not used before (\(error))\n\nAs far as could be checked:")
      return false
    }
  }

  private func selected(in settings: Settings) throws -> Provider? {
    guard let provider else { return nil }
    let found = settings.identityProviders.first { $0.name == provider }
    if found == nil {
      let names = settings.identityProviders.map(\.name).joined(separator: ", ")
      Diagnostic.print("There is no provider \(provider); there are: \(names).")
      throw ExitCode.usage
    }
    return found
  }

  // MARK: - Input

  /// With or without `Authorization: Bearer` before it and white space around it.
  private static func readToken() throws -> String {
    if isatty(STDIN_FILENO) == 1 {
      // The terminal cuts a line off there.
      Diagnostic.print(
        "Paste the token, press Return, then Ctrl-D. One of over 4095 bytes has to come from a file."
      )
    }
    // Far more than a token may have, so that an input without end ends.
    let data = try? FileHandle.standardInput.read(upToCount: 1 << 20)
    var text = String(decoding: data ?? Data(), as: UTF8.self)
    for prefix in ["", "authorization:", "bearer "] {
      text = text.trimmingCharacters(in: .whitespacesAndNewlines)
      if text.lowercased().hasPrefix(prefix) { text = String(text.dropFirst(prefix.count)) }
    }
    text = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !text.isEmpty else {
      Diagnostic.print("There is no token on standard input.")
      throw ExitCode.usage
    }
    return text
  }

  // MARK: - Output

  private static func printContent(of token: String) {
    let texts = TokenFacts.texts(of: token)
    print(
      """
      header  \(texts.header?.visible ?? "cannot be read")
      claims  \(texts.claims?.visible ?? "cannot be read")
      sha256  \(TokenFacts(reading: token).sha256 ?? "unknown")
      now     \(Int(Date().timeIntervalSince1970)) (\(Timestamp(Date())))

      """)
  }

  private static func printAcceptance(_ claims: Claims, _ principal: Principal) {
    print(
      """

      The token is accepted.
      provider  \(claims.provider.name)
      identity  \(principal.identity.visible)
      subject   \(principal.subject.visible)
      admin     \(principal.isAdmin ? "yes" : "no")
      """)
  }

  private static func explanation(of refusal: TokenRefusal) -> String {
    switch refusal {
    case .invalid(let fault):
      """
      The token is refused (401). The caller is told: \(fault.description)
      In full: \(String(describing: fault).visible)
      """
    case .tooManyWaiting:
      "Too many callers wait for the provider's keys, and callers get 503."
    case .providerUnavailable(let reason):
      "The provider's keys cannot be fetched, and callers get 503: \(reason.visible)"
    }
  }
}
