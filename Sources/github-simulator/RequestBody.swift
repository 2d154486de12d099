import FastCGI
import StrictJSON

/// The members of a JSON request body, checked one by one and refused in GitHub's words.
struct RequestBody {
  private let members: JSONObject?

  /// Where the body is empty, every member is absent.
  init(_ call: Call) throws(Refusal) {
    guard case .complete(let bytes) = call.body else {
      throw Refusal(400, "Problems parsing JSON")
    }
    guard !bytes.isEmpty else {
      members = nil
      return
    }
    let value: JSONValue
    do { value = try JSONValue(parsing: bytes) } catch {
      throw Refusal(400, "Problems parsing JSON")
    }
    guard let object = value.object else { throw Refusal(400, "Body should be a JSON object") }
    members = object
  }

  /// A body that may have these members and no others, so that a test's typing error does not go
  /// unnoticed.
  init(_ call: Call, allowing names: Set<String>) throws(Refusal) {
    try self.init(call)
    if let member = members?.members.first(where: { !names.contains($0.name) }) {
      throw Refusal(422, "Invalid input: \(member.name) is not a member of this request")
    }
  }

  /// The value of a member, or nil where it is absent or null.
  func optional<Value>(_ name: String, _ type: MemberType<Value>) throws(Refusal) -> Value? {
    guard let member = members?[name], member != .null else { return nil }
    guard let value = type.read(member) else {
      throw Refusal(422, "Invalid property /\(name): it is not of type \(type.name)")
    }
    return value
  }

  /// A number within limits, which also keep our own arithmetic from overflowing.
  func optional(
    _ name: String, _ type: MemberType<Int>, in range: ClosedRange<Int>
  ) throws(Refusal) -> Int? {
    guard let value = try optional(name, type) else { return nil }
    guard range.contains(value) else {
      throw Refusal(
        422, "Invalid property /\(name): it is not from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  func required<Value>(_ name: String, _ type: MemberType<Value>) throws(Refusal) -> Value {
    guard let value = try optional(name, type) else {
      throw Refusal(422, "Invalid input: object is missing required key: \(name)")
    }
    return value
  }

  /// Whether the member is there and null.
  func isNull(_ name: String) -> Bool {
    members?[name] == .null
  }
}

/// A JSON type, and how to read a value of it.
struct MemberType<Value> {
  let name: String
  let read: (JSONValue) -> Value?
}

extension MemberType where Value == String {
  static var string: Self { Self(name: "string") { $0.string } }
}

extension MemberType where Value == Int {
  static var integer: Self { Self(name: "integer") { $0.integer.map(Int.init) } }
}

extension MemberType where Value == Bool {
  static var boolean: Self { Self(name: "boolean") { $0.bool } }
}

extension MemberType where Value == [String] {
  static var strings: Self { Self(name: "array of strings") { $0.strings } }
}

extension MemberType where Value == JSONObject {
  static var object: Self { Self(name: "object") { $0.object } }
}
