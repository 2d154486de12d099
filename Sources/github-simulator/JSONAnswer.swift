import FastCGI
import Foundation
import StrictJSON

/// An answer that ends a request early: every error, in the words of the one who is imitated.
struct Refusal: Error {
  let response: Response

  init(_ response: Response) {
    self.response = response
  }

  /// GitHub's `BasicError`. Its status is text.
  init(_ status: Int, _ message: String, documentation: String = "https://docs.github.com/rest") {
    response = .json(
      status,
      BasicError(message: message, documentationURL: documentation, status: String(status)))
  }

  static let notFound = Refusal(404, "Not Found")

  private struct BasicError: Encodable {
    let message: String
    let documentationURL: String
    let status: String
  }
}

extension Response {
  static let jsonType = "application/json; charset=utf-8"

  /// A JSON body. Member names go from `camelCase` to `snake_case`; those of dictionaries stay as
  /// they are.
  static func json(_ status: Int, _ value: some Encodable) -> Response {
    guard let body = try? JSONText.encode(value, keys: .convertToSnakeCase) else {
      return Response(status: 500)
    }
    return Response(status: status, headers: [Header("Content-Type", jsonType)], body: body)
  }

  static let noContent = Response(status: 204)

  /// Adds a header unless there is one of this name.
  mutating func setDefault(_ name: String, _ value: String) {
    if header(name) == nil { headers.append(Header(name, value)) }
  }
}

/// Writing JSON: members in order of their names, so that equal values are equal bytes and have one
/// ETag.
enum JSONText {
  static func encode(
    _ value: some Encodable, keys: JSONEncoder.KeyEncodingStrategy = .useDefaultKeys
  ) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = keys
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(value))
  }
}

/// A member that is written as `null` where there is no value, rather than left out.
struct Nullable<Value: Encodable>: Encodable {
  let value: Value?

  init(_ value: Value?) {
    self.value = value
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(value)
  }
}

/// A value as it was parsed, to be written again.
struct EncodableJSON: Encodable {
  let value: JSONValue

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch value {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .double(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let elements): try container.encode(elements.map(EncodableJSON.init))
    case .object(let object):
      let pairs = object.members.map { ($0.name, EncodableJSON(value: $0.value)) }
      try container.encode(Dictionary(pairs) { first, _ in first })
    }
  }
}
