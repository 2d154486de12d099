import HTTPClient

extension GitHubClient {
  /// More pages of a hundred than any organization has groups for: GitHub's list has an end.
  private static let maximumPages = 100

  /// All runner groups of the organization.
  public func runnerGroups() throws(GitHubError) -> [RunnerGroup] {
    var groups: [RunnerGroup] = []
    var url = apiURL + "/orgs/\(organization)/actions/runner-groups?per_page=100"
    for _ in 0..<Self.maximumPages {
      let response = try send(.get, url, isRepeatable: true)
      guard response.status == 200 else { throw failure(response) }
      groups += try decode(RunnerGroupPageBody.self, response).runnerGroups
      guard let next = try nextURL(response) else { return groups }
      url = next
    }
    throw .unreadableAnswer("the list of runner groups has no end")
  }
}
