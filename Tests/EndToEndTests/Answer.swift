import Foundation
import StrictJSON
import TestSupport
import Testing

/// An answer as curl shows it.
struct Answer {
  let status: Int
  private let headers: [(name: String, value: String)]
  let body: String

  init(_ output: [UInt8]) throws {
    let text = String(decoding: output, as: UTF8.self)
    // Interim answers come first.
    var rest = text[...]
    while rest.hasPrefix("HTTP/1.1 100") || rest.hasPrefix("HTTP/2 100"),
      let end = rest.range(of: "\r\n\r\n")
    {
      rest = rest[end.upperBound...]
    }
    let end = try #require(rest.range(of: "\r\n\r\n"), "\(text)")
    let lines = rest[..<end.lowerBound].components(separatedBy: "\r\n")
    status = try #require(Int(lines[0].split(separator: " ")[1]))
    headers = lines.dropFirst().compactMap { line in
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { return nil }
      return (parts[0].lowercased(), parts[1].trimmingCharacters(in: .whitespaces))
    }
    body = String(rest[end.upperBound...])
  }

  /// Records the exchange for scripts/check-api, where curl's options are ones that this knows.
  func record(_ options: [String], _ path: String, _ requestHeaders: [String]) {
    var method: String?
    var data: String?
    var rest = options[...]
    while let option = rest.popFirst() {
      guard let value = rest.popFirst() else { return }
      switch option {
      case "-X": method = value
      case "--data-binary" where !value.hasPrefix("@"): data = value
      default: return
      }
    }
    APIExchangeRecorder.record(
      method ?? (data == nil ? "GET" : "POST"), path,
      headers: requestHeaders.map { header in
        let parts = header.split(separator: ":", maxSplits: 1)
        return (String(parts[0]), parts.last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "")
      }, body: Array((data ?? "").utf8), status: status, responseHeaders: headers,
      responseBody: Array(body.utf8), isPublic: true)
  }

  func header(_ name: String) -> String? { headers(name).first }

  /// The values of all headers of this name.
  func headers(_ name: String) -> [String] {
    headers.filter { $0.name == name.lowercased() }.map(\.value)
  }

  var object: JSONObject {
    get throws { try #require(try JSONValue(parsing: Array(body.utf8)).object, "\(body)") }
  }

  var problem: String {
    "\(status) \((try? object)?["error_code"]?.string ?? "-")"
  }
}
