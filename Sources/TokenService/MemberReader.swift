import Runners
import StrictJSON

/// Reads the members of a request's body one by one and gathers what is wrong with them.
struct MemberReader {
  private let body: JSONObject
  private var known: [String] = []
  private(set) var errors: [FieldError] = []

  init(_ body: JSONObject) {
    self.body = body
  }

  mutating func member(_ name: String) -> JSONValue? {
    known.append(name)
    return body[name]
  }

  mutating func fail(_ field: String, _ message: String) {
    errors.append(FieldError(field, message))
  }

  mutating func flag(_ name: String) -> Bool? {
    guard let value = member(name) else { return nil }
    guard let flag = value.bool else {
      fail(name, "must be true or false")
      return nil
    }
    return flag
  }

  /// Of a member that may be null, which is the same as if it were not there.
  mutating func optional<Value>(
    _ name: String, _ parse: (JSONValue) -> Value?, _ message: String
  ) -> Value? {
    guard let value = member(name), value != .null else { return nil }
    let parsed = parse(value)
    if parsed == nil { fail(name, message) }
    return parsed
  }

  /// The elements of an array, none where it is not there. `parse` throws what is wrong with one.
  mutating func elements<Element>(
    _ name: String, atMost maximum: Int, _ parse: (String) throws(Fault) -> Element
  ) -> [Element] {
    guard let value = member(name) else { return [] }
    guard let elements = value.array else {
      fail(name, "must be an array of strings")
      return []
    }
    guard elements.count <= maximum else {
      fail(name, "must have at most \(maximum) elements")
      return []
    }
    var parsed: [Element] = []
    for (index, element) in elements.enumerated() {
      do throws(Fault) {
        guard let text = element.string else { throw Fault("must be a string") }
        parsed.append(try parse(text))
      } catch {
        fail("\(name)[\(index)]", error.message)
      }
    }
    return parsed
  }

  /// What is wrong with an element.
  struct Fault: Error {
    let message: String

    init(_ message: String) {
      self.message = message
    }
  }

  /// So that a typo never silently widens a request.
  mutating func refuseOthers() {
    let others = body.members.filter { member in
      !known.contains { $0.hasSameUTF8(as: member.name) }
    }
    for (index, member) in others.enumerated() {
      fail(member.name.prefix(scalars: 64), .isUnknown("member", known, isFirst: index == 0))
    }
  }
}
