import FastCGI
import Foundation
import Runners

/// A strong entity tag (RFC 9110 section 8.8.3) that stands for a revision.
struct EntityTag: Equatable, CustomStringConvertible {
  let description: String

  init(revision: Int64) {
    description = "\"\(revision)\""
  }
}

/// What a request to change something says must hold of it (RFC 9110 section 13.1). To be checked in the transaction that
/// makes the change.
struct Preconditions {
  private let ifMatch: Condition?
  private let ifNoneMatch: Condition?

  private enum Condition {
    case any
    /// As they are written, `W/` included.
    case tags([Substring])
  }

  /// Throws `badRequest` for a header that cannot be read: what it was meant to prevent must not happen.
  init(_ parameters: Parameters) throws(ServiceError) {
    ifMatch = try Self.condition("If-Match", parameters.all("HTTP_IF_MATCH"))
    ifNoneMatch = try Self.condition("If-None-Match", parameters.all("HTTP_IF_NONE_MATCH"))
  }

  /// Throws `preconditionFailed` unless what exists under this revision, nil where nothing does, is what is asked for.
  func check(revision: Int64?) throws(ServiceError) {
    let tag = revision.map { EntityTag(revision: $0).description }
    // If-Match compares strongly, so that a weak tag never does; If-None-Match weakly (section 8.8.3.2).
    let isMatched =
      switch ifMatch {
      case nil: true
      case .any: tag != nil
      case .tags(let tags): tags.contains { $0 == tag ?? "" }
      }
    let isExcluded =
      switch ifNoneMatch {
      case nil: false
      case .any: tag != nil
      case .tags(let tags):
        tags.contains { ($0.hasPrefix("W/") ? $0.dropFirst(2) : $0) == tag ?? "" }
      }
    guard isMatched, !isExcluded else { throw .preconditionFailed }
  }

  private static func condition(
    _ name: String, _ headers: [String]
  ) throws(ServiceError) -> Condition? {
    guard !headers.isEmpty else { return nil }
    let text = headers.joined(separator: ",").trimmingCharacters(in: .whitespaces)
    if text == "*" { return .any }
    guard let tags = tags(text) else {
      throw .badRequest("Send * or a list of entity tags such as \"3\" in \(name).")
    }
    return .tags(tags)
  }

  /// The entity tags of a list, of which there has to be one; nil for any other text.
  private static func tags(_ text: String) -> [Substring]? {
    var tags: [Substring] = []
    var rest = text[...]
    while true {
      rest = rest.drop { $0 == " " || $0 == "\t" || $0 == "," }
      guard !rest.isEmpty else { return tags.isEmpty ? nil : tags }
      let opaque = rest.hasPrefix("W/") ? rest.dropFirst(2) : rest
      guard opaque.first == "\"", let end = opaque.dropFirst().firstIndex(of: "\"") else {
        return nil
      }
      tags.append(rest[...end])
      rest = rest[rest.index(after: end)...].drop { $0 == " " || $0 == "\t" }
      guard rest.isEmpty || rest.first == "," else { return nil }
    }
  }
}
