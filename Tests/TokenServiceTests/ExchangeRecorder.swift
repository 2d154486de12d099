import Foundation
import Glibc
import HTTPClient
import Testing

/// Writes what the service asks of GitHub, and what the simulator answers, to the file that RTS_RECORD_EXCHANGES names: a
/// JSON object a line, for scripts/check-contract. Does nothing without it.
enum ExchangeRecorder {
  private struct Exchange: Encodable {
    let method: String
    let path: String
    let requestHeaders: [String: String]
    let requestBody: String
    let status: Int
    let responseHeaders: [String: String]
    let responseBody: String
  }

  private static let descriptor: Int32? = ProcessInfo.processInfo
    .environment["RTS_RECORD_EXCHANGES"].map { path in
      open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
    }

  static func record(_ request: HTTPRequest, path: String, _ response: HTTPResponse) {
    guard let descriptor else { return }
    let exchange = Exchange(
      method: request.method.rawValue, path: path, requestHeaders: headers(request.headers),
      requestBody: String(decoding: request.body, as: UTF8.self), status: response.status,
      responseHeaders: headers(response.headers),
      responseBody: String(decoding: response.body, as: UTF8.self))
    guard let line = try? JSONEncoder().encode(exchange) else {
      Issue.record("an exchange cannot be recorded")
      return
    }
    let bytes = Array(line + Data("\n".utf8))
    #expect(write(descriptor, bytes, bytes.count) == bytes.count)
  }

  private static func headers(_ headers: [(name: String, value: String)]) -> [String: String] {
    Dictionary(headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first }
  }
}
