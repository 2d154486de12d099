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
  /// By which requests ask for the service.
  let host: String
  /// The name that the site file has for the service.
  static let siteName = "runner-tokens.example.org"

  /// The folder that the programs were built into.
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
    nginx = try startNginx(edit ?? Self.openToAll)
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

  /// A file for what a process says.
  func openLog(_ name: String) throws -> Int32 {
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
