import Foundation
import HTTPClient

extension GitHubClient {
  private var runnersURL: String { apiURL + "/orgs/\(organization)/actions/runners" }

  // MARK: - Registration

  /// A token with which `config.sh` registers a runner. GitHub lets it be used any number of times until it expires.
  public func makeRegistrationToken() throws(GitHubError) -> RegistrationToken {
    // One that is made and lost does no harm: nobody has it.
    let response = try send(.post, runnersURL + "/registration-token", isRepeatable: true)
    guard response.status == 201 else { throw failure(response, isRegistration: true) }
    let token = try decode(RegistrationToken.self, response)
    // By GitHub's clock where it says what that is, and then by ours, by which it is looked at here.
    guard let date = response.date else { return token }
    let lifetime = token.expiresAt.timeIntervalSince(date)
    return RegistrationToken(token: token.token, expiresAt: now().addingTimeInterval(lifetime))
  }

  /// Creates a runner and what it connects with. Throws `nameTaken` where there is one of this name, and `notFound` where
  /// there is no such runner group. If the answer is lost (`mayHaveActed`), the runner may be there all the same, and the
  /// request is not repeated.
  /// - Parameters:
  ///   - name: that no runner of the organization has, in any case.
  ///   - runnerGroupID: GitHub's id of the group.
  ///   - labels: 1 to 100; GitHub adds none.
  ///   - workFolder: relative to the runner's directory.
  public func makeJITConfiguration(
    name: String, runnerGroupID: Int64, labels: [String], workFolder: String
  ) throws(GitHubError) -> JITConfiguration {
    struct Body: Encodable {
      let name: String
      let runnerGroupId: Int64
      let labels: [String]
      let workFolder: String
    }
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    let wanted = Body(
      name: name, runnerGroupId: runnerGroupID, labels: labels, workFolder: workFolder)
    guard let body = try? encoder.encode(wanted) else {
      throw .refused(status: 0, message: "the request cannot be encoded")
    }
    let response = try send(
      .post, runnersURL + "/generate-jitconfig", body: Array(body), isRepeatable: false)
    guard response.status == 201 else { throw failure(response, isRegistration: true) }
    return try decode(JITConfiguration.self, response)
  }

  // MARK: - One runner

  /// The runner with this id, or nil if GitHub knows none.
  public func runner(id: Int64) throws(GitHubError) -> GitHubRunner? {
    let response = try send(.get, runnersURL + "/\(id)", isRepeatable: true)
    if response.status == 404 { return nil }
    guard response.status == 200 else { throw failure(response) }
    return try decode(GitHubRunner.self, response)
  }

  /// The runner of this name, compared without regard to case, or nil. `name` needs no percent-encoding: it has only the
  /// characters of a runner name.
  public func runner(name: String) throws(GitHubError) -> GitHubRunner? {
    let response = try send(.get, runnersURL + "?name=\(name)&per_page=100", isRepeatable: true)
    guard response.status == 200 else { throw failure(response) }
    let page = try decode(RunnerPageBody.self, response)
    return page.runners.first { $0.name.lowercased() == name.lowercased() }
  }

  /// Removes a runner. Returns whether it was there; false also where the answer to a first attempt was lost, and the next
  /// one found it gone. Throws `runnerBusy` while it runs a job.
  @discardableResult
  public func deleteRunner(id: Int64) throws(GitHubError) -> Bool {
    let response = try send(.delete, runnersURL + "/\(id)", isRepeatable: true)
    switch response.status {
    case 204: return true
    case 404: return false
    // Whatever the wording, 422 on this route means that the runner has a job.
    case 422: throw .runnerBusy
    default: throw failure(response)
    }
  }

  // MARK: - All runners

  /// A page of the organization's runners: the first one, or the one at `url`, which the page before named as its next.
  /// nil if it is as it was when it had this `etag`, which costs none of the rate limit.
  public func runnerPage(
    at url: String? = nil, unlessTagged etag: String? = nil
  ) throws(GitHubError) -> RunnerPage? {
    let response = try send(.get, url ?? firstRunnerPageURL, etag: etag, isRepeatable: true)
    if response.status == 304, etag != nil { return nil }
    guard response.status == 200 else { throw failure(response) }
    let body = try decode(RunnerPageBody.self, response)
    return RunnerPage(
      totalCount: body.totalCount, runners: body.runners, etag: response.header("etag"),
      nextURL: try nextURL(response), requestID: response.header("x-github-request-id"))
  }

  /// Where the list of runners begins.
  public var firstRunnerPageURL: String { runnersURL + "?per_page=100" }
}
