import FastCGI
import Foundation
import Runners
import StrictJSON

/// The body of a webhook in the two forms in which GitHub sends it.
enum WebhookBody {
  /// What GitHub sends at most, in bytes: 25 MiB.
  static let limit = 25 << 20
  /// Real payloads have at most 6 levels and some hundred values; a push has a list of commits.
  private static let jsonLimits = JSONValue.Limits(depth: 32, values: 200_000)

  /// What a content type says about the body.
  enum Encoding: Equatable {
    case json, form

    /// Throws `unsupportedMediaType` for any other, `badRequest` for several.
    init(_ parameters: Parameters) throws(ServiceError) {
      // nginx passes the first one on as CONTENT_TYPE, and all of them as HTTP_CONTENT_TYPE.
      guard parameters.all("CONTENT_TYPE").count <= 1,
        parameters.all("HTTP_CONTENT_TYPE").count <= 1
      else { throw .badRequest("Send the header Content-Type once.") }
      let mediaType = parameters["CONTENT_TYPE"]?.split(separator: ";").first
      switch mediaType?.trimmingCharacters(in: .whitespaces).lowercased() {
      case "application/json": self = .json
      case "application/x-www-form-urlencoded": self = .form
      default: throw .unsupportedMediaType
      }
    }
  }

  /// The payload's JSON object.
  static func payload(of body: [UInt8], _ encoding: Encoding) throws(ServiceError) -> JSONObject {
    let json = encoding == .json ? body : try formPayload(of: body)
    return try JSONBody.object(parsing: json, limits: jsonLimits, subject: "the payload")
  }

  /// The member `payload` of a form, decoded once. A form with two of them could be read in two ways.
  static func formPayload(of form: [UInt8]) throws(ServiceError) -> [UInt8] {
    var payload: [UInt8]?
    for member in form.split(separator: UInt8(ascii: "&")) {
      let parts = member.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = decoded(parts[0]) else { throw malformedForm }
      guard name == Array("payload".utf8) else { continue }
      guard payload == nil, parts.count == 2, let value = decoded(parts[1]) else {
        throw malformedForm
      }
      payload = value
    }
    guard let payload else { throw malformedForm }
    return payload
  }

  private static var malformedForm: ServiceError {
    .badRequest("Send a form with exactly one member 'payload', percent-encoded.")
  }

  /// nil for a percent sign without two hex digits.
  private static func decoded(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var position = text.startIndex
    while position < text.endIndex {
      switch text[position] {
      case UInt8(ascii: "+"):
        bytes.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        guard position + 2 < text.endIndex, let high = hexValue(text[position + 1]),
          let low = hexValue(text[position + 2])
        else { return nil }
        bytes.append(high << 4 | low)
        position += 2
      case let byte:
        bytes.append(byte)
      }
      position += 1
    }
    return bytes
  }

  private static func hexValue(_ digit: UInt8) -> UInt8? {
    guard digit < 0x80 else { return nil }
    return Character(Unicode.Scalar(digit)).hexDigitValue.map(UInt8.init)
  }
}
