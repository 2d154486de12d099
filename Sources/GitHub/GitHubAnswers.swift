public import Foundation
import HTTPClient

/// A registration token as GitHub handed it out.
public struct RegistrationToken: Sendable, Decodable {
  /// A secret: whoever has it can register runners.
  public let token: String
  /// An hour after it was made, by this host's clock.
  public let expiresAt: Date
}

/// A runner as GitHub shows it.
public struct GitHubRunner: Sendable, Decodable, Equatable {
  /// Unique in the organization; a repository's runners have ids of their own.
  public let id: Int64
  /// Unique in the organization, whatever the case.
  public let name: String
  /// `unknown` for a runner that has never connected.
  public let os: String?
  /// `online` or `offline`.
  public let status: String
  /// Whether it has a job.
  public let busy: Bool
  /// Names, in the order in which GitHub lists them; those that GitHub adds by itself are among them.
  public let labels: [GitHubLabel]
  /// nil where the answer does not show it, as lists do not.
  public let runnerGroupID: Int64?
  /// Whether GitHub takes it off its list after one job; nil where the answer does not show it.
  public let ephemeral: Bool?

  /// Whether it is connected.
  public var isOnline: Bool { status == "online" }

  /// GitHub's own larger hosted runners are in the organization's list, with no labels. `config.sh` makes no runner that has
  /// none.
  public var isHostedByGitHub: Bool { labels.isEmpty }

  private enum CodingKeys: String, CodingKey {
    case id, name, os, status, busy, labels, ephemeral
    // As the decoder has made it of `runner_group_id`.
    case runnerGroupID = "runnerGroupId"
  }
}

/// A label as GitHub shows it.
public struct GitHubLabel: Sendable, Decodable, Equatable {
  /// As GitHub spells it; compared without regard to case.
  public let name: String
}

/// A runner that is there and has not connected yet, and what it connects with.
public struct JITConfiguration: Sendable, Decodable {
  /// Not connected yet.
  public let runner: GitHubRunner
  /// A secret: whoever has it is the runner.
  public let encodedConfiguration: String

  private enum CodingKeys: String, CodingKey {
    case runner
    case encodedConfiguration = "encodedJitConfig"
  }
}

/// A page of the list of runners.
public struct RunnerPage: Sendable {
  /// Of all pages.
  public let totalCount: Int
  /// At most 100.
  public let runners: [GitHubRunner]
  /// To ask for the page again, and get it only if it has changed.
  public let etag: String?
  /// nil on the last page.
  public let nextURL: String?
  /// What GitHub calls the request, for its support and for an auditor.
  public let requestID: String?
}

struct RunnerPageBody: Decodable {
  let totalCount: Int
  let runners: [GitHubRunner]
}

/// A runner group of the organization.
public struct RunnerGroup: Sendable, Decodable, Equatable {
  /// Unique in the organization; `runner_group_id` of requests.
  public let id: Int64
  /// By which `config.sh` finds it (`--runnergroup`).
  public let name: String
  /// Whether it takes the runners for which none is named.
  public let isDefault: Bool
  /// `all`, `private` or `selected`: of the organization's repositories.
  public let visibility: String

  private enum CodingKeys: String, CodingKey {
    case id, name, visibility
    case isDefault = "default"
  }
}

struct RunnerGroupPageBody: Decodable {
  let runnerGroups: [RunnerGroup]
}

/// The App as GitHub shows it to itself.
public struct AppDescription: Sendable, Decodable {
  /// Its name in URLs.
  public let slug: String?
  /// Such as `organization_self_hosted_runners: write`.
  public let permissions: [String: String]
  /// The webhooks' events that it has subscribed to.
  public let events: [String]
}

/// The App's installation as GitHub shows it.
public struct InstallationDescription: Sendable, Decodable {
  /// Who has installed the App; nil where GitHub does not say.
  public let account: Account?
  /// What the organization has granted, which may be less than the App asks for.
  public let permissions: [String: String]
  /// nil unless the organization has suspended it.
  public let suspendedAt: Date?

  /// The organization or person that has installed the App.
  public struct Account: Sendable, Decodable {
    /// The name in URLs; compared without regard to case.
    public let login: String
  }
}

/// One attempt to deliver a webhook.
public struct WebhookDelivery: Sendable, Decodable {
  /// Of the attempt.
  public let id: Int64
  /// Of what was to be delivered; the same in each attempt.
  public let guid: String
  /// When it was attempted.
  public let deliveredAt: Date
  /// `X-GitHub-Event`
  public let event: String
  /// `action` of the payload; nil for an event that has none.
  public let action: String?
  /// nil for one that is about the App itself.
  public let installationID: Int64?

  private enum CodingKeys: String, CodingKey {
    case id, guid, deliveredAt, event, action
    case installationID = "installationId"
  }
}

struct InstallationToken: Decodable {
  let token: String
  let expiresAt: Date
}

/// Reads the body of a successful answer.
func decode<Answer: Decodable>(
  _ type: Answer.Type, _ response: HTTPResponse
) throws(GitHubError) -> Answer {
  let decoder = JSONDecoder()
  decoder.keyDecodingStrategy = .convertFromSnakeCase
  // With or without a fraction, in UTC or with an offset: GitHub writes all of these.
  decoder.dateDecodingStrategy = .custom { decoder in
    let container = try decoder.singleValueContainer()
    return try Date.ISO8601FormatStyle(includingFractionalSeconds: true)
      .parse(try container.decode(String.self))
  }
  do { return try decoder.decode(type, from: Data(response.body)) } catch {
    // The decoder's own error would quote the body, which may hold a token.
    throw .unreadableAnswer("\(type) expected in an answer of status \(response.status)")
  }
}

extension HTTPResponse {
  /// The target of a link of this relation type (RFC 8288) in the form in which GitHub writes them:
  /// `<https://…>; rel="next", <https://…>; rel="last"`.
  func link(relation: String) -> String? {
    for link in header("link")?.split(separator: ",") ?? [] {
      let parts = link.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
      guard let target = parts.first, target.hasPrefix("<"), target.hasSuffix(">"),
        parts.dropFirst().contains("rel=\"\(relation)\"")
      else { continue }
      return String(target.dropFirst().dropLast())
    }
    return nil
  }
}
