import GitHub
import HTTPClient
import OIDC
import TokenService

/// Whether the service could do its work with this configuration now: asks GitHub and the identity providers, and changes
/// nothing.
struct OnlineChecks {
  /// What came of one check: in words what is there, or what is wrong and what to do.
  enum Outcome {
    case ok(String)
    case failed(String)
  }

  /// In seconds. GitHub takes a JWT that is up to a minute off.
  private static let tolerableClockDifference = 30.0
  /// For each question.
  private static let patience: Duration = .seconds(20)
  private static let noKey = Outcome.failed("not checked, since no key was accepted")

  private let settings: Settings
  private let http: HTTPClient
  private let requirements: AppRequirements

  init(settings: Settings, http: HTTPClient) {
    self.settings = settings
    self.http = http
    requirements = AppRequirements(receivesWebhooks: settings.github.webhookKey != nil)
  }

  /// Runs all checks, in order, and tells of each as soon as it is known.
  func run(_ report: (_ check: String, Outcome) -> Void) {
    let keys = zip(keyChecks, settings.github.credentials.withEachKey)
    var working: (client: GitHubClient, app: AppDescription)?
    var clockDifference: Double?
    for (check, credentials) in keys {
      let client = settings.github.client(http: http, credentials: credentials)
      do {
        let app = try client.limited(until: .now + Self.patience).app()
        working = working ?? (client, app)
        report(check, .ok("of the App \(app.slug ?? settings.github.credentials.appID)"))
      } catch {
        report(check, .failed("\(error)"))
      }
      clockDifference = clockDifference ?? client.clockDifference
    }
    report("clock", clock(difference: clockDifference))
    report("App", working.map { self.app($0.app) } ?? Self.noKey)
    report("installation", working.map { installation($0.client) } ?? Self.noKey)
    report("installation token", working.map { token($0.client) } ?? Self.noKey)
    reportProviders(report)
  }

  /// As wide as the widest name of a check.
  var width: Int {
    let names = keyChecks + ["installation token"] + settings.identityProviders.map(providerCheck)
    return names.map(\.count).max() ?? 0
  }

  // MARK: - GitHub

  private var keyChecks: [String] {
    settings.github.privateKeyPaths.map { "key \($0.visible)" }
  }

  private func clock(difference: Double?) -> Outcome {
    guard let difference else { return .failed("not checked, since GitHub did not say its time") }
    let seconds = Int(difference.magnitude)
    guard difference.magnitude > Self.tolerableClockDifference else {
      return .ok("within \(max(1, seconds)) s of GitHub's")
    }
    let direction = difference > 0 ? "behind" : "ahead of"
    return .failed(
      "this host's clock is \(seconds) s \(direction) GitHub's; set it, and keep it by NTP")
  }

  private func app(_ app: AppDescription) -> Outcome {
    let permissions = requirements.missing(permissions: app.permissions)
    let events = requirements.missing(events: app.events)
    var faults: [String] = []
    if !permissions.isEmpty {
      faults.append("grant \(permissions.joined(separator: ", ")) in the App's settings")
    }
    if !events.isEmpty {
      faults.append("subscribe it to \(events.joined(separator: ", ")) there")
    }
    return faults.isEmpty
      ? .ok("has the permissions that it needs") : .failed(faults.joined(separator: "; "))
  }

  private func installation(_ client: GitHubClient) -> Outcome {
    let installation: InstallationDescription
    do {
      installation = try client.limited(until: .now + Self.patience).installation()
    } catch .notFound {
      return .failed(
        "the App has no installation of this number; check GITHUB_APP_INSTALLATION_ID")
    } catch {
      return .failed("\(error)")
    }
    let account = installation.account?.login ?? "nobody"
    guard account.lowercased() == settings.github.organization.lowercased() else {
      return .failed(
        "it is in \(account) and not in \(settings.github.organization); check GITHUB_ORG and GITHUB_APP_INSTALLATION_ID"
      )
    }
    guard installation.suspendedAt == nil else {
      return .failed("\(GitHubError.installationSuspended)")
    }
    let missing = requirements.missing(permissions: installation.permissions)
    guard missing.isEmpty else {
      return .failed(
        "\(account) has not granted \(missing.joined(separator: ", ")); an owner accepts it in the organization's settings, under GitHub Apps"
      )
    }
    return .ok("in \(account)")
  }

  private func token(_ client: GitHubClient) -> Outcome {
    do { try client.checkCredentials() } catch { return .failed("\(error)") }
    return .ok("was made")
  }

  // MARK: - Identity providers

  private func providerCheck(_ provider: Provider) -> String { "keys of \(provider.name.visible)" }

  private func reportProviders(_ report: (_ check: String, Outcome) -> Void) {
    let names = settings.identityProviders.map(providerCheck)
    do {
      let states = try settings.tokenValidator(http: http)?.keyStates() ?? []
      for (name, (_, state)) in zip(names, states) { report(name, keys(state)) }
    } catch {
      for name in names { report(name, .failed("not checked: \(error)")) }
    }
  }

  private func keys(_ state: KeyState) -> Outcome {
    switch state {
    case .fresh: .ok("were fetched")
    case .stale(let reason), .missing(let reason):
      .failed("\(reason); check the provider's settings, and whether this host reaches it")
    }
  }
}
