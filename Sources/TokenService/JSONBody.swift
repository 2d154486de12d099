import FastCGI
import Foundation
import Runners
import StrictJSON

/// JSON bodies, in and out.
enum JSONBody {
  /// nil only for a value that JSON cannot hold.
  static func encode(_ value: some Encodable) -> [UInt8]? {
    (try? encoder().encode(value)).map(Array.init)
  }

  /// As every body is encoded.
  static func encoder() -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }

  /// An answer with a JSON body.
  static func response(status: Int = 200, _ value: some Encodable) throws(ServiceError) -> Response
  {
    guard let body = encode(value) else { throw .internalError }
    return response(status: status, json: body)
  }

  /// An answer with a body that is JSON text already.
  static func response(status: Int = 200, json: [UInt8]) -> Response {
    Response(
      status: status, headers: [.init("Content-Type", "application/json; charset=utf-8")],
      body: json)
  }

  /// The JSON object in a request's body.
  static func object(of request: Request) throws(ServiceError) -> JSONObject {
    let mediaType = request.parameters["CONTENT_TYPE"]?.split(separator: ";").first
    guard mediaType?.trimmingCharacters(in: .whitespaces).lowercased() == "application/json"
    else { throw .unsupportedMediaType }
    return try object(parsing: try request.completeBody())
  }

  /// The JSON object that these bytes are. `subject`: what to call them where they are something else.
  static func object(
    parsing bytes: [UInt8], limits: JSONValue.Limits = JSONValue.Limits(), subject: String = "it"
  ) throws(ServiceError) -> JSONObject {
    let value: JSONValue
    do { value = try JSONValue(parsing: bytes, limits: limits) } catch {
      throw .invalidJSON(error.description)
    }
    guard let object = value.object else { throw .invalidJSON("\(subject) is not an object") }
    return object
  }
}

extension Request {
  /// Every byte of the body. Throws `bodyTooLarge`, or `badRequest` where it is not what was announced.
  func completeBody() throws(ServiceError) -> [UInt8] {
    switch body {
    case .complete(let bytes): return bytes
    case .tooLarge(let limit): throw .bodyTooLarge(limit: limit)
    case .malformed:
      throw .badRequest("The body does not have the length that Content-Length says.")
    }
  }
}
