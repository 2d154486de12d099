import GRDB

/// The conditions of a WHERE clause, all of which must hold, and their arguments in order.
struct Conditions {
  private var texts: [String] = []
  private(set) var arguments: [any DatabaseValueConvertible] = []

  /// Adds a condition on an argument; none where that is nil.
  mutating func require(_ condition: String, _ argument: (any DatabaseValueConvertible)?) {
    guard let argument else { return }
    texts.append(condition)
    arguments.append(argument)
  }

  /// Adds a condition without an argument.
  mutating func require(_ condition: String) {
    texts.append(condition)
  }

  /// Empty where nothing is required.
  var clause: String { texts.isEmpty ? "" : "WHERE " + texts.joined(separator: " AND ") }
}
