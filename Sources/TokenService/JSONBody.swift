import FastCGI
import Foundation
import Runners
import StrictJSON

/// JSON bodies, in and out.
enum JSONBody {
  /// nil only for a value that JSON cannot hold.
  static func encode(_ value: some Encodable) -> [UInt8]? {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(value)).map(Array.init)
  }

  /// An answer with a JSON body.
  static func response(status: Int = 200, _ value: some Encodable) throws(ServiceError) -> Response
  {
    guard let body = encode(value) else { throw .internalError }
    return Response(
      status: status, headers: [.init("Content-Type", "application/json; charset=utf-8")],
      body: body)
  }

  /// The JSON object in a request's body.
  static func object(of request: Request) throws(ServiceError) -> JSONObject {
    let mediaType = request.parameters["CONTENT_TYPE"]?.split(separator: ";").first
    guard mediaType?.trimmingCharacters(in: .whitespaces).lowercased() == "application/json"
    else { throw .unsupportedMediaType }
    let bytes: [UInt8]
    switch request.body {
    case .complete(let body): bytes = body
    case .tooLarge(let limit): throw .bodyTooLarge(limit: limit)
    case .malformed:
      throw .badRequest("The body does not have the length that Content-Length says.")
    }
    do {
      guard let object = try JSONValue(parsing: bytes).object else {
        throw ServiceError.invalidJSON("it is not an object")
      }
      return object
    } catch let error as JSONError {
      throw .invalidJSON(error.description)
    } catch {
      throw .invalidJSON("it is not an object")
    }
  }
}
