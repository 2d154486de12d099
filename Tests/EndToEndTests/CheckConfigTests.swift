import Foundation
import TestSupport
import Testing

/// `check-config --online` as an admin runs it.
@Suite struct CheckConfigTests {
  /// The lines of the checks: what was checked, the outcome, and the words.
  private func checks(_ text: String) -> [String: (outcome: String, text: String)] {
    let lines = text.split(separator: "\n").compactMap { $0.firstMatch(of: Self.line) }
    return Dictionary(
      lines.map { (String($0.1), (outcome: String($0.2), text: String($0.3))) },
      uniquingKeysWith: { $1 })
  }

  private nonisolated(unsafe) static let line = #/^(.+?)  +(ok|FAILED)  +(.+)$/#

  @Test func `what works is said to work, line by line, and what does not, with what to do`() throws
  {
    let cluster = try Cluster(workerCount: 1)
    let good = try cluster.command(["check-config", "--online"])
    #expect(good.status == 0, "\(good.text)")
    let key = "key \(cluster.directory.file("app.pem"))"
    let names = [key, "clock", "App", "installation", "installation token"]
    let outcomes = checks(good.text)
    #expect(outcomes.count == 6)
    for name in names { #expect(outcomes[name]?.outcome == "ok", "\(name)") }
    #expect(outcomes.keys.contains { $0.hasPrefix("keys of ") })
    // One below the other.
    let columns = Set(
      good.text.split(separator: "\n").compactMap { line in
        line.firstMatch(of: Self.line).map {
          line.distance(from: line.startIndex, to: $0.2.startIndex)
        }
      })
    #expect(columns.count == 1)
    for secret in ["ghs_", "PRIVATE KEY", "eyJ", "\u{1B}"] { #expect(!good.text.contains(secret)) }

    try cluster.simulate("/control/installation", #"{"suspended":true}"#)
    let suspended = try cluster.command(["check-config", "--online"])
    #expect(suspended.status == 1)
    #expect(checks(suspended.text)[key]?.outcome == "ok")
    for name in ["installation", "installation token"] {
      #expect(checks(suspended.text)[name]?.outcome == "FAILED")
      #expect(checks(suspended.text)[name]?.text.contains("suspended") == true)
    }
    try cluster.simulate("/control/installation", #"{"suspended":false}"#)

    let elsewhere = try cluster.command(
      ["check-config", "--online"], settings: ["GITHUB_ORG": "other-org"])
    #expect(elsewhere.status == 1)
    #expect(
      checks(elsewhere.text)["installation"]?.text.contains("demo-org and not in other-org") == true
    )

    // While one key replaces the other.
    let old = cluster.directory.file("old.pem")
    try ChildProcess.run("/usr/bin/openssl", ["genrsa", "-out", old, "2048"])
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: old)
    let twoKeys = try cluster.command(
      ["check-config", "--online"],
      settings: ["GITHUB_APP_PRIVATE_KEY_PATH": "\(old):\(cluster.directory.file("app.pem"))"])
    #expect(twoKeys.status == 1)
    #expect(checks(twoKeys.text)["key \(old)"]?.text.contains("could not be decoded") == true)
    for name in names { #expect(checks(twoKeys.text)[name]?.outcome == "ok", "\(name)") }

    // Without --online nobody is asked.
    let offline = try cluster.command(
      ["check-config"], settings: ["GITHUB_API_URL": "http://127.0.0.1:1/api/v3"])
    #expect(offline.status == 0)
  }

  @Test
  func `a clock that is off, permissions that are missing and keys that are not there are named`()
    throws
  {
    let server = try LoopbackServer { request in
      let answer: (status: Int, body: String) =
        switch request.split(separator: " ")[1] {
        case "/api/v3/app":
          (
            200,
            #"{"slug":"x","permissions":{"organization_self_hosted_runners":"read"},"events":[]}"#
          )
        case "/api/v3/app/installations/67890":
          (200, #"{"account":{"login":"Demo-Org"},"permissions":{},"suspended_at":null}"#)
        case "/api/v3/app/installations/67890/access_tokens":
          (422, #"{"message":"The permissions requested are not granted to this installation."}"#)
        default: (404, "{}")
        }
      return .bytes(
        "HTTP/1.1 \(answer.status) X\r\nDate: Sun, 17 Mar 2019 17:46:40 GMT\r\nContent-Length: \(answer.body.utf8.count)\r\n\r\n\(answer.body)"
      )
    }
    defer { server.stop() }
    let directory = try TemporaryDirectory()
    let outcome = try run(apiURL: server.url + "/api/v3", issuer: server.url + "/oidc", directory)
    #expect(outcome.status == 1)
    let checks = checks(outcome.text)
    #expect(checks["clock"]?.text.contains("s ahead of GitHub's; set it") == true)
    #expect(
      checks["App"]?.text.contains("grant organization_self_hosted_runners: write") == true)
    #expect(
      checks["installation"]?.text.contains(
        "has not granted organization_self_hosted_runners: write")
        == true)
    #expect(checks["installation token"]?.text.contains("422") == true)
    #expect(checks.first { $0.key.hasPrefix("keys of ") }?.value.outcome == "FAILED")
  }

  @Test func `where GitHub does not know the key nothing else is claimed`() throws {
    let server = try LoopbackServer { _ in
      let body = #"{"message":"A JSON web token could not be decoded"}"#
      return .bytes("HTTP/1.1 401 X\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }
    defer { server.stop() }
    let directory = try TemporaryDirectory()
    let outcome = try run(apiURL: server.url + "/api/v3", issuer: server.url + "/oidc", directory)
    #expect(outcome.status == 1)
    let checks = checks(outcome.text)
    for name in ["App", "installation", "installation token"] {
      #expect(checks[name]?.text == "not checked, since no key was accepted")
    }
    #expect(checks["clock"]?.text == "not checked, since GitHub did not say its time")
  }

  private func run(
    apiURL: String, issuer: String, _ directory: TemporaryDirectory
  ) throws -> (status: Int32?, text: String) {
    let key = directory.file("app.pem")
    try ChildProcess.run("/usr/bin/openssl", ["genrsa", "-out", key, "2048"])
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
    let program =
      URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().path + "/runner-token-service"
    let outcome = try ChildProcess(
      program, ["check-config", "--online"],
      environment: [
        "PATH": "/usr/bin:/bin", "GITHUB_APP_ID": "12345", "GITHUB_APP_INSTALLATION_ID": "67890",
        "GITHUB_ORG": "demo-org", "GITHUB_APP_PRIVATE_KEY_PATH": key, "GITHUB_API_URL": apiURL,
        "OIDC_ISSUER": issuer, "OIDC_AUDIENCE": "runner-token-service",
      ], directory: directory.path
    ).finish()
    return (outcome.status, String(decoding: outcome.output, as: UTF8.self))
  }
}
