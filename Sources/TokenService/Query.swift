import Foundation
import Runners

/// The query of a request, decoded.
struct Query: Sendable, Equatable {
  private let items: [Item]

  private struct Item: Sendable, Equatable {
    let name: String
    let value: String
  }

  init(_ text: String) throws(ServiceError) {
    items = try text.split(separator: "&").map { item throws(ServiceError) in
      let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return Item(
        name: try Self.decode(parts[0]), value: parts.count == 2 ? try Self.decode(parts[1]) : "")
    }
  }

  private static func decode(_ text: Substring) throws(ServiceError) -> String {
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
      let decoded = text.removingPercentEncoding
    else { throw .badRequest("The query is not properly percent-encoded.") }
    return decoded
  }

  /// Refuses parameters of other names, so that a typo never silently widens a request, and repeated ones.
  func expectOnly(_ names: [String]) throws(ServiceError) {
    var errors: [FieldError] = []
    var seen: Set<String> = []
    for item in items {
      if !names.contains(item.name) {
        errors.append(
          FieldError(item.name, .isUnknown("parameter", names, isFirst: errors.isEmpty)))
      } else if !seen.insert(item.name).inserted {
        errors.append(FieldError(item.name, "is given more than once"))
      }
    }
    guard errors.isEmpty else { throw .validation(errors) }
  }

  subscript(name: String) -> String? {
    items.first { $0.name == name }?.value
  }
}

extension String {
  /// What is wrong with a parameter or member that a request does not have. Those that it has are told once, because a
  /// request may have thousands of others.
  static func isUnknown(_ kind: String, _ known: [String], isFirst: Bool) -> String {
    let text = "is not a \(kind) of this request"
    guard isFirst else { return text }
    return known.isEmpty
      ? text + ", which has none" : text + ", which can have " + known.joined(separator: ", ")
  }
}
