import HTTPClient

extension GitHubClient {
  /// The App, as GitHub knows it: proves the key, and tells what it may do.
  public func app() throws(GitHubError) -> AppDescription {
    let response = try sendAsApp(.get, apiURL + "/app", isRepeatable: true)
    guard response.status == 200 else { throw failure(response) }
    return try decode(AppDescription.self, response)
  }

  /// The installation; also one that is suspended. Throws `notFound` for one that is gone.
  public func installation() throws(GitHubError) -> InstallationDescription {
    let response = try sendAsApp(
      .get, apiURL + "/app/installations/\(installationID)", isRepeatable: true)
    guard response.status == 200 else { throw failure(response) }
    return try decode(InstallationDescription.self, response)
  }

  /// The number of the App's installation in the organization, whatever that of the credentials is. Throws `notFound` where
  /// the App is not installed there.
  public func organizationInstallationID() throws(GitHubError) -> Int64 {
    let response = try sendAsApp(
      .get, apiURL + "/orgs/\(organization)/installation", isRepeatable: true)
    guard response.status == 200 else { throw failure(response) }
    return try decode(InstallationNumber.self, response).id
  }

  private struct InstallationNumber: Decodable {
    let id: Int64
  }

  /// A page of the attempts to deliver webhooks to the App that failed, newest first, and where the next page is.
  public func failedDeliveries(
    at url: String? = nil
  ) throws(GitHubError) -> (deliveries: [WebhookDelivery], nextURL: String?) {
    let first = apiURL + "/app/hook/deliveries?status=failure&per_page=100"
    let response = try sendAsApp(.get, url ?? first, isRepeatable: true)
    guard response.status == 200 else { throw failure(response) }
    return (try decode([WebhookDelivery].self, response), try nextURL(response))
  }

  /// Asks GitHub to try an attempt's delivery again. It keeps its GUID.
  public func redeliver(attempt id: Int64) throws(GitHubError) {
    let response = try sendAsApp(
      .post, apiURL + "/app/hook/deliveries/\(id)/attempts", isRepeatable: false)
    guard response.status == 202 else { throw failure(response) }
  }
}
