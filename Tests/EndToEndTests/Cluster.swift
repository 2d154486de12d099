import Foundation
import Glibc
import StrictJSON
import TestSupport
import Testing

@testable import FastCGI

/// The whole product as an admin runs it: nginx with TLS, worker processes that share a socket, and the simulator behind
/// an nginx server of its own in place of GitHub and the identity provider.
final class Cluster {
  let directory: TemporaryDirectory
  let port: UInt16
  /// Where nginx listens without TLS.
  let plainPort: UInt16
  let simulatorPort: UInt16
  private(set) var workers: [ChildProcess] = []
  private var nginx: ChildProcess?
  private var simulator: ChildProcess?
  private let listener: ListenSocket
  private let environment: [String: String]
  private let host: String
  /// The name that the site file has for the service.
  static let siteName = "runner-tokens.example.org"

  /// The repository and the folder that the programs were built into.
  private static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
  private static let products = URL(fileURLWithPath: "/proc/self/exe")
    .resolvingSymlinksInPath().deletingLastPathComponent().path

  /// Starts everything and waits until `readyPath` answers 200. `prepare` is told the simulator's port before any of it.
  /// `edit` changes nginx's files, after which the service is asked for by its name; without it, it is by address, and no
  /// limits hold.
  init(
    workerCount: Int = 2, settings: [String: String] = [:], readyPath: String = "/health/ready",
    prepare: (UInt16) throws -> Void = { _ in },
    edit: ((inout NginxSite) throws -> Void)? = nil
  ) throws {
    directory = try TemporaryDirectory()
    port = try FreePort.find()
    plainPort = try FreePort.find()
    host = edit == nil ? "127.0.0.1" : Self.siteName
    simulatorPort = try FreePort.find()
    try prepare(simulatorPort)
    listener = try ListenSocket.bound(to: directory.file("fcgi.sock"))
    environment = [
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
      "GITHUB_APP_ID": "12345", "GITHUB_APP_INSTALLATION_ID": "67890", "GITHUB_ORG": "demo-org",
      "GITHUB_APP_PRIVATE_KEY_PATH": directory.file("app.pem"),
      "GITHUB_API_URL": "http://127.0.0.1:\(simulatorPort)/api/v3",
      "OIDC_ISSUER": "http://127.0.0.1:\(simulatorPort)/oidc",
      "OIDC_AUDIENCE": "runner-token-service", "DEFAULT_LABEL_POLICY": "allow",
      "DATABASE_URL": "sqlite:///\(directory.file("service.db"))",
      "AUDIT_LOG_PATH": directory.file("audit.jsonl"), "WORKER_THREADS": "8",
    ].merging(settings) { $1 }
    try makeKeys()
    try makePages()
    try ChildProcess.run(
      Self.products + "/runner-token-service", ["init-db"], environment: environment)
    try startNginx(edit ?? Self.openToAll)
    // The simulator first: a worker that finds it absent looks again only after some seconds.
    try startSimulator()
    try waitUntil("http://127.0.0.1:\(simulatorPort)/control/state")
    for _ in 0..<workerCount { try startWorker() }
    try waitUntil(url(readyPath))
  }

  deinit {
    for process in workers + [simulator, nginx].compactMap({ $0 }) { process.stop() }
  }

  /// The workers' listening socket.
  var socket: Int32 { listener.descriptor }

  // MARK: - Processes

  /// Starts one more worker on the shared socket, with its log in a file unless another descriptor is given for it.
  @discardableResult
  func startWorker(log: Int32? = nil) throws -> ChildProcess {
    let file = try log == nil ? openLog("worker.log") : -1
    defer { close(file) }
    // In a directory away from any .env.
    let worker = try ChildProcess(
      Self.products + "/runner-token-service", ["worker"], environment: environment,
      directory: directory.path, input: listener.descriptor, errors: log ?? file)
    workers.append(worker)
    return worker
  }

  /// Starts a maintenance process on the workers' database, with its log in a file of this name.
  func startMaintenance(
    log: String = "maintain.log", settings: [String: String] = [:]
  ) throws -> ChildProcess {
    let file = try openLog(log)
    defer { close(file) }
    return try ChildProcess(
      Self.products + "/runner-token-service", ["maintain"],
      environment: environment.merging(settings) { $1 }, directory: directory.path, errors: file)
  }

  /// The lines of a log with this message.
  func logLines(_ log: String, _ message: String) throws -> [JSONObject] {
    try String(contentsOfFile: directory.file(log), encoding: .utf8).split(separator: "\n")
      .compactMap { try? JSONValue(parsing: Array($0.utf8)).object }
      .filter { $0["message"]?.string == message }
  }

  /// One of the program's commands under the workers' settings, or some of its own, with a text as its standard input.
  func command(
    _ arguments: [String], input: String = "", settings: [String: String] = [:]
  ) throws -> (status: Int32?, text: String) {
    let path = directory.file("input-\(UInt32.random(in: 0 ... .max))")
    try input.write(toFile: path, atomically: true, encoding: .utf8)
    let file = open(path, O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    let outcome = try ChildProcess(
      Self.products + "/runner-token-service", arguments,
      environment: environment.merging(settings) { $1 }, directory: directory.path, input: file
    ).finish()
    return (outcome.status, String(decoding: outcome.output, as: UTF8.self))
  }

  func startSimulator() throws {
    let file = try openLog("simulator.log")
    defer { close(file) }
    simulator = try ChildProcess(
      Self.products + "/github-simulator",
      [
        "--listen", directory.file("sim.sock"), "--app-key", directory.file("app.pem"),
        "--base-url", "http://127.0.0.1:\(simulatorPort)",
      ], errors: file)
  }

  func stopSimulator() {
    simulator?.stop()
    simulator = nil
  }

  /// Forgets the workers, which the test has ended.
  func forgetWorkers() {
    workers = []
  }

  private func startNginx(_ edit: (inout NginxSite) throws -> Void) throws {
    var site = try NginxSite(in: Self.repository + "/nginx")
    try edit(&site)
    try settle(&site)
    try site.write(to: directory.file("runner-token-service"))
    try nginxConfiguration.write(
      toFile: directory.file("nginx.conf"), atomically: true, encoding: .utf8)
    let file = try openLog("nginx.log")
    defer { close(file) }
    nginx = try ChildProcess(
      "/usr/sbin/nginx",
      [
        "-p", directory.path, "-c", directory.file("nginx.conf"), "-e", directory.file("nginx.log"),
      ],
      errors: file)
  }

  /// Takes this machine out of the limits, as the site file shows, and has requests by address answered.
  private static func openToAll(_ site: inout NginxSite) throws {
    try site.liftLimits()
    try site.replace("include runner-token-service/unknown_hosts.conf;", with: "")
    try site.replace("server_name \(siteName);", with: "server_name 127.0.0.1;")
  }

  /// Puts the addresses and files of this cluster in place of a server's.
  private func settle(_ site: inout NginxSite) throws {
    for name in [NginxSite.name, "unknown_hosts.conf"] {
      try site.replace("listen 443 ", with: "listen 127.0.0.1:\(port) ", in: name)
      try site.replace("listen 80", with: "listen 127.0.0.1:\(plainPort)", in: name)
      try site.replace("listen [::]:", with: "# listen [::]:", in: name)
    }
    try site.replace("/etc/ssl/certs/\(Self.siteName).pem", with: directory.file("tls.crt"))
    try site.replace("/etc/ssl/private/\(Self.siteName).key", with: directory.file("tls.key"))
    try site.replace("/run/runner-token-service/fcgi.sock", with: directory.file("fcgi.sock"))
    try site.replace("/var/log/nginx/", with: directory.path + "/")
    try site.replace(
      "/usr/share/runner-token-service;", with: directory.file("share") + ";",
      in: "runner-token-service.locations.conf")
  }

  private var nginxConfiguration: String {
    """
    daemon off;
    \(getuid() == 0 ? "user root;" : "")
    worker_processes 1;
    pid \(directory.file("nginx.pid"));
    events { worker_connections 1024; }
    http {
      access_log off;
      client_body_temp_path \(directory.file("body"));
      proxy_temp_path \(directory.file("proxy"));
      fastcgi_temp_path \(directory.file("fastcgi"));
      uwsgi_temp_path \(directory.file("uwsgi"));
      scgi_temp_path \(directory.file("scgi"));
      include runner-token-service/\(NginxSite.name);
      server {
        listen 127.0.0.1:\(simulatorPort);
        location / {
          include runner-token-service/fastcgi_params.conf;
          fastcgi_pass unix:\(directory.file("sim.sock"));
          fastcgi_next_upstream off;
        }
      }
    }
    """
  }

  private func makeKeys() throws {
    try ChildProcess.run("/usr/bin/openssl", ["genrsa", "-out", directory.file("app.pem"), "2048"])
    chmod(directory.file("app.pem"), 0o600)
    try ChildProcess.run(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "1", "-subj", "/CN=127.0.0.1", "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:\(Self.siteName)",
        "-keyout", directory.file("tls.key"), "-out", directory.file("tls.crt"),
      ])
  }

  /// Stand-ins for the pages that show the API.
  private func makePages() throws {
    let pages = directory.file("share/docs")
    try FileManager.default.createDirectory(
      atPath: pages + "/empty", withIntermediateDirectories: true)
    for (name, text) in ["index.html": "<!doctype html>\n", "initializer.js": "'use strict'\n"] {
      try text.write(toFile: pages + "/" + name, atomically: true, encoding: .utf8)
    }
  }

  private func openLog(_ name: String) throws -> Int32 {
    let descriptor = open(directory.file(name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    try #require(descriptor >= 0)
    return descriptor
  }

  /// Waits until a URL answers with a success.
  private func waitUntil(_ url: String) throws {
    let hasSettled = try eventually(seconds: 30) {
      try workers.contains { !$0.isRunning } || isOK(url)
    }
    guard !hasSettled || workers.contains(where: { !$0.isRunning }) else { return }
    let log = try? String(contentsOfFile: directory.file("worker.log"), encoding: .utf8)
    Issue.record("the cluster did not start: \(log ?? "no log")")
    throw CocoaError(.executableLoad)
  }

  private func isOK(_ url: String) throws -> Bool {
    let arguments = ["-fs", "--max-time", "3", url] + reaching
    return try ChildProcess("/usr/bin/curl", arguments).finish().status == 0
  }

  // MARK: - Requests

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
  fileprivate func record(_ options: [String], _ path: String, _ requestHeaders: [String]) {
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

extension ChildProcess {
  /// The status of each request of a load, counted.
  func statuses() -> [String: Int] {
    let lines = String(decoding: finish().output, as: UTF8.self).split(separator: "\n")
    return Dictionary(grouping: lines.map(String.init)) { $0 }.mapValues(\.count)
  }
}

/// Waits until a condition holds, and returns whether it came to that.
func eventually(seconds: Int, _ condition: () throws -> Bool) rethrows -> Bool {
  let deadline = ContinuousClock.now + .seconds(seconds)
  while ContinuousClock.now < deadline {
    if try condition() { return true }
    usleep(20_000)
  }
  return try condition()
}
