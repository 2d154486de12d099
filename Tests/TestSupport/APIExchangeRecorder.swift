import Foundation
import Glibc
import Testing

/// Writes what the tests ask of the service, and what it answers, to the file that RTS_RECORD_API names: a JSON object a
/// line, for scripts/check-api. Does nothing without it.
public enum APIExchangeRecorder {
  public typealias Header = (name: String, value: String)

  private struct Exchange: Encodable {
    let method: String
    let uri: String
    let requestHeaders: [[String]]
    /// nil: too large to be recorded, or not UTF-8.
    let requestBody: String?
    let status: Int
    let responseHeaders: [[String]]
    let responseBody: String?
    /// Whether it came through the web server.
    let isPublic: Bool
  }

  /// Larger bodies are left out, in bytes.
  private static let bodyLimit = 2 << 20

  private static let descriptor: Int32? = ProcessInfo.processInfo
    .environment["RTS_RECORD_API"].map { path in
      open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
    }

  public static var isOn: Bool { descriptor != nil }

  public static func record(
    _ method: String, _ uri: String, headers: [Header], body: [UInt8], status: Int,
    responseHeaders: [Header], responseBody: [UInt8], isPublic: Bool
  ) {
    guard let descriptor else { return }
    let exchange = Exchange(
      method: method, uri: uri, requestHeaders: headers.map { [$0.name.lowercased(), $0.value] },
      requestBody: text(body), status: status,
      responseHeaders: responseHeaders.map { [$0.name.lowercased(), $0.value] },
      responseBody: text(responseBody), isPublic: isPublic)
    guard let line = try? JSONEncoder().encode(exchange) else {
      Issue.record("an exchange cannot be recorded")
      return
    }
    let bytes = Array(line + Data("\n".utf8))
    // The file is open for appending, so that the lines of several threads and processes do not mix.
    #expect(write(descriptor, bytes, bytes.count) == bytes.count)
  }

  private static func text(_ body: [UInt8]) -> String? {
    body.count <= bodyLimit ? String(validating: body, as: UTF8.self) : nil
  }
}
