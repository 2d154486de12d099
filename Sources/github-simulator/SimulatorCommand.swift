import ArgumentParser
import FastCGI
import Foundation
import JOSE

@main
struct SimulatorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "github-simulator",
    abstract: "A stand-in for GitHub's runner API and for an OIDC issuer.",
    discussion: ControlHelp.text)

  @Option(help: ArgumentHelp("Listen on this unix socket.", valueName: "path"))
  var listen: String

  @Option(help: ArgumentHelp("The GitHub App's private key, in PEM.", valueName: "file"))
  var appKey: String

  @Option(
    name: .customLong("base-url"),
    help: ArgumentHelp("How the outside reaches the simulator.", valueName: "url"))
  var baseURL: String

  @Option(help: "The organization that has installed the App.")
  var organization = "demo-org"

  @Option(help: "The App's id.")
  var appID = 12_345

  @Option(help: "The installation's id.")
  var installationID = 67_890

  @Option(help: "How many requests GitHub takes in an hour.")
  var rateLimit = 5000

  @Option(help: "How many requests are served at a time, those that a fault delays among them.")
  var threads = 16

  mutating func validate() throws {
    guard rateLimit > 0 else { throw ValidationError("--rate-limit is a number from 1.") }
    guard (1...1024).contains(threads) else {
      throw ValidationError("--threads is a number from 1 to 1024.")
    }
    while baseURL.hasSuffix("/") { baseURL.removeLast() }
    guard let url = URL(string: baseURL), ["http", "https"].contains(url.scheme),
      url.host()?.isEmpty == false, url.path().isEmpty
    else {
      throw ValidationError("--base-url is not an http or https URL without a path: \(baseURL)")
    }
  }

  func run() throws {
    WorkerPool.blockSignals()
    let simulator = Simulator(
      settings: settings, appKey: try readAppKey(), signingKeys: try SigningKeys())
    var options = WorkerPool.Options()
    options.threads = threads
    let pool = try WorkerPool(
      listener: .bound(to: listen), options: options, handler: simulator)
    FileHandle.standardError.write(Data("github-simulator listens on \(listen)\n".utf8))
    if case .abandoned = try pool.run() { throw ExitCode.failure }
  }

  /// The public half of the App's key: GitHub knows no more than that.
  private func readAppKey() throws -> PublicKey {
    guard let pem = FileManager.default.contents(atPath: appKey) else {
      throw ValidationError("The file \(appKey) cannot be read.")
    }
    guard let key = try? PrivateKey(pem: Array(pem)), key.type == .rsa else {
      throw ValidationError("\(appKey) holds no RSA private key in PEM of at least 2048 bits.")
    }
    return try key.publicKey()
  }

  private var settings: Simulator.Settings {
    Simulator.Settings(
      baseURL: baseURL, organization: organization, appID: appID, installationID: installationID,
      rateLimit: rateLimit)
  }
}
