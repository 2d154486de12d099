import Foundation
import StrictJSON
import TestSupport
import Testing

extension Cluster {
  func get(_ path: String, token: String? = nil, headers: [String] = []) throws -> Answer {
    try curl([], path, token: token, headers: headers)
  }

  func post(_ path: String, _ body: String, token: String? = nil, headers: [String] = []) throws
    -> Answer
  {
    try curl(
      ["--data-binary", body], path, token: token,
      headers: ["Content-Type: application/json"] + headers)
  }

  /// One request by the curl program over TLS.
  func curl(
    _ arguments: [String], _ path: String, token: String? = nil, headers: [String] = []
  ) throws -> Answer {
    let headers = headers + (token.map { ["Authorization: Bearer \($0)"] } ?? [])
    let output = try ChildProcess.run(
      "/usr/bin/curl",
      ["-sS", "-i", "--max-time", "30", "--path-as-is"] + reaching
        + headers.flatMap { ["-H", $0] } + arguments + [url(path)])
    let answer = try Answer(output)
    answer.record(arguments, path, headers)
    return answer
  }

  func url(_ path: String) -> String { "https://\(host):\(port)\(path)" }

  /// What makes curl find the service by its name, and believe its certificate.
  var reaching: [String] {
    [
      "--resolve", "\(Self.siteName):\(port):127.0.0.1", "--resolve",
      "\(Self.siteName):\(plainPort):127.0.0.1", "--cacert", directory.file("tls.crt"),
    ]
  }

  /// The same request many times, eight at a time or as many as `parallel` says, as a running program. `statuses(of:)` reads
  /// the outcome.
  func startLoad(
    _ count: Int, _ path: String, token: String, body: String? = nil, parallel: Int = 8,
    headers: [String] = []
  ) throws -> ChildProcess {
    let targets = repeatElement(
      "url = \"\(url(path))\"\noutput = \"/dev/null\"\n", count: count)
    let file = directory.file("load-\(UInt32.random(in: 0 ... .max))")
    try targets.joined().write(toFile: file, atomically: true, encoding: .utf8)
    var arguments =
      [
        "-sS", "--parallel", "--parallel-immediate", "--parallel-max", "\(parallel)",
        "--max-time", "60", "-w", "%{http_code}\\n", "-H", "Authorization: Bearer \(token)", "-K",
        file,
      ] + reaching
    if let body {
      arguments += ["-H", "Content-Type: application/json", "--data-binary", body]
    }
    arguments += headers.flatMap { ["-H", $0] }
    return try ChildProcess("/usr/bin/curl", arguments)
  }

  // MARK: - The world outside

  /// A request to the simulator, which must succeed.
  @discardableResult
  func simulate(_ path: String, _ body: String) throws -> JSONObject? {
    let output = try ChildProcess.run(
      "/usr/bin/curl",
      [
        "-fsS", "--max-time", "30", "-H", "Content-Type: application/json", "--data-binary", body,
        "http://127.0.0.1:\(simulatorPort)\(path)",
      ])
    return try? JSONValue(parsing: output).object
  }

  func state() throws -> JSONObject {
    let output = try ChildProcess.run(
      "/usr/bin/curl",
      ["-fsS", "--max-time", "30", "http://127.0.0.1:\(simulatorPort)/control/state"])
    return try #require(
      try JSONValue(parsing: output, limits: .init(values: 100_000)).object)
  }

  func token(_ subject: String, _ claims: String? = nil) throws -> String {
    let claims =
      claims ?? #"{"sub":"\#(subject)","email":"\#(subject)@example.com","email_verified":true}"#
    let answer = try simulate("/oidc/token", #"{"claims":\#(claims)}"#)
    return try #require(answer?["access_token"]?.string)
  }

  func auditLines() throws -> [JSONObject] {
    try String(contentsOfFile: directory.file("audit.jsonl"), encoding: .utf8)
      .split(separator: "\n").map { try #require(try JSONValue(parsing: Array($0.utf8)).object) }
  }
}

extension ChildProcess {
  /// The status of each request of a load, counted.
  func statuses() -> [String: Int] {
    let lines = String(decoding: finish().output, as: UTF8.self).split(separator: "\n")
    return Dictionary(grouping: lines.map(String.init)) { $0 }.mapValues(\.count)
  }
}
