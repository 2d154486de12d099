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
    guard !text.isEmpty else {
      items = []
      return
    }
    // Foundation traps on text that is not percent-encoded properly when it is set; parsing a URL with it does not.
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
      let components = URLComponents(string: "?" + text), let items = components.queryItems
    else { throw .badRequest("The query is not properly percent-encoded.") }
    self.items = items.map { Item(name: $0.name, value: $0.value ?? "") }
  }

  /// Refuses parameters of other names, so that a typo never silently widens a request, and repeated ones.
  func expectOnly(_ names: [String]) throws(ServiceError) {
    var errors: [FieldError] = []
    var seen: Set<String> = []
    for item in items {
      if !names.contains(item.name) {
        errors.append(FieldError(item.name, "is not a parameter of this request"))
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
