import Foundation
import HTTPClient

/// Where GitHub sends a request that it redirects, as it does when an organization was renamed.
enum Redirect {
  /// How many in a row are followed.
  static let maximum = 3

  /// The request to send next, or nil where `response` is no redirect. A POST becomes no GET on the way: what it asks for
  /// would not happen. Throws `redirectRefused` for a redirect that is not followed.
  static func next(
    after response: HTTPResponse, to request: HTTPRequest, within origin: Origin?
  ) throws(GitHubError) -> HTTPRequest? {
    guard [301, 302, 303, 307, 308].contains(response.status) else { return nil }
    let keepsMethod = [307, 308].contains(response.status)
    guard keepsMethod || response.status != 303 && request.method != .post else {
      throw .redirectRefused("a \(request.method.rawValue) by status \(response.status)")
    }
    guard let location = response.header("location"),
      let target = URL(string: location, relativeTo: URL(string: request.url))
    else { throw .redirectRefused("to no URL") }
    let url = target.absoluteString
    guard let origin, Origin(url) == origin else {
      throw .redirectRefused("away from the API's own address")
    }
    var next = request
    next.url = url
    return next
  }
}
