import Foundation
import GRDB
public import Runners

/// A page of GitHub's list of runners as it was last read.
public struct StoredRunnerPage: Sendable, Equatable {
  /// The URL under which it was asked for.
  public let url: String
  /// GitHub's tag of this content, to ask whether it is still so; empty where GitHub sent none.
  public let etag: String
  /// nil on the last page.
  public let nextURL: String?
  /// What was on it. Read back, it has no request id: GitHub gives that to an answer.
  public let page: RunnerList.Page

  public init(url: String, etag: String, nextURL: String?, page: RunnerList.Page) {
    self.url = url
    self.etag = etag
    self.nextURL = nextURL
    self.page = page
  }
}

/// The `github_pages` table.
public struct RunnerPageStore {
  let database: GRDB.Database

  private struct Content: Codable {
    let totalCount: Int
    let runners: [ListedRunner]
  }

  /// The page that was read under this URL. nil also for one that another version of this program wrote: it is read anew.
  public func page(url: String, organization: String) throws -> StoredRunnerPage? {
    guard
      let row = try database.row(
        sql: "SELECT * FROM github_pages WHERE organization = ? AND url = ?",
        arguments: [organization, url]),
      let content = try? JSONDecoder().decode(
        Content.self, from: Data((row["content"] as String).utf8))
    else { return nil }
    return StoredRunnerPage(
      url: url, etag: row["etag"], nextURL: row["next_url"],
      page: RunnerList.Page(totalCount: content.totalCount, runners: content.runners))
  }

  /// Replaces what was read under the page's URL before.
  public func save(_ stored: StoredRunnerPage, organization: String) throws {
    let content = try JSONEncoder().encode(
      Content(totalCount: stored.page.totalCount, runners: stored.page.runners))
    try database.run(
      sql: """
        INSERT OR REPLACE INTO github_pages (organization, url, etag, next_url, content)
        VALUES (?, ?, ?, ?, ?)
        """,
      arguments: [
        organization, stored.url, stored.etag, stored.nextURL,
        String(decoding: content, as: UTF8.self),
      ])
  }

  /// Forgets the pages that the list does not have any more.
  public func removeAll(except urls: [String], organization: String) throws {
    try database.run(
      sql: """
        DELETE FROM github_pages
        WHERE organization = ? AND url NOT IN (SELECT value FROM json_each(?))
        """,
      arguments: [
        organization, String(decoding: try JSONEncoder().encode(urls), as: UTF8.self),
      ])
  }
}
