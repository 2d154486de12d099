import Foundation
import HTTPClient
import OIDC
import TestSupport
import Testing

@testable import TokenService

/// The settings that docs/IDENTITY_PROVIDERS.md shows, held against tokens as those providers issue them.
@Suite struct IdentityProvidersDocumentTests {
  private static let document = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "docs/IDENTITY_PROVIDERS.md")

  let clock = FakeClock()
  let providers: [Provider]

  init() throws {
    providers = try Self.read()
  }

  private static func read() throws -> [Provider] {
    let directory = try TemporaryDirectory()
    try ChildProcess.run(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=cluster",
        "-out", directory.file("ca.crt"), "-keyout", directory.file("ca.key"),
      ])
    let blocks = try String(contentsOf: document, encoding: .utf8)
      .components(separatedBy: "```json\n").dropFirst()
      .map { $0.components(separatedBy: "```")[0] }
    let text = #"{"providers":[\#(blocks.joined(separator: ","))]}"#
      .replacing("/etc/runner-token-service/cluster-a-ca.crt", with: directory.file("ca.crt"))
    try Data(text.utf8).write(to: URL(fileURLWithPath: directory.file("providers.json")))
    let outcome = IdentityProvidersFile(path: directory.file("providers.json")).read()
    try #require(outcome.faults.isEmpty, "\(outcome.faults)")
    return outcome.providers
  }

  @Test func `the document shows four kinds of provider`() {
    #expect(providers.map(\.name) == ["people", "github", "gitlab", "cluster-a"])
  }

  /// The provider's verdict on a token with these claims; nil if it is accepted.
  private func fault(_ name: String, _ claims: [String: String?]) throws -> TokenFault? {
    let provider = try #require(providers.first { $0.name == name })
    let fake = try FakeIdentityProvider(issuer: provider.issuer)
    // The key set's own URL is another host's where the settings name it.
    let http = HTTPClient { request throws(HTTPClientError) in
      var request = request
      if request.url == provider.jwksURL { request.url = provider.issuer + "/jwks" }
      return try fake.http.send(request)
    }
    let validator = try TokenValidator(
      providers: [provider], http: http, uptime: clock.uptime)
    do {
      let token = try fake.token(at: clock.date, claims: claims)
      _ = try validator.validate(token, now: clock.date)
      return nil
    } catch let TokenRefusal.invalid(fault) {
      return fault
    }
  }

  @Test func `a person with the role is accepted, and no other`() throws {
    func faultOf(_ roles: String) throws -> TokenFault? {
      try fault(
        "people",
        [
          "typ": #""Bearer""#, "azp": #""runner-cli""#,
          "resource_access":
            #"{"runner-token-service":{"roles":\#(roles)},"account":{"roles":["x"]}}"#,
        ])
    }
    #expect(try faultOf(#"["viewer","runner-user"]"#) == nil)
    let refusal = TokenFault.claimNotAccepted("/resource_access/runner-token-service/roles")
    #expect(try faultOf(#"["viewer"]"#) == refusal)
    #expect(try faultOf(#"[]"#) == refusal)
  }

  private let workflow: [String: String?] = [
    "jti": #""6f1a3f0c""#, "sub": #""repo:octo-org/octo-repo:ref:refs/heads/main""#,
    "ref": #""refs/heads/main""#, "repository": #""octo-org/octo-repo""#,
    "event_name": #""push""#, "repository_owner": #""octo-org""#, "repository_owner_id": #""65""#,
    "run_id": #""7""#,
    "job_workflow_ref": #""octo-org/octo-repo/.github/workflows/ci.yml@refs/heads/main""#,
    "email": nil, "email_verified": nil,
  ]

  @Test func `a workflow of the organization's main branch is accepted, and no other`() throws {
    #expect(try fault("github", workflow) == nil)
    #expect(
      try fault("github", workflow.merging(["repository_owner_id": #""66""#]) { $1 })
        == .claimNotAccepted("repository_owner_id"))
    for ref in [
      "refs/heads/feature", "refs/pull/1/merge", "refs/heads/main2", "refs/heads/release/",
    ] {
      #expect(
        try fault("github", workflow.merging(["ref": "\"\(ref)\""]) { $1 })
          == .claimNotAccepted("ref"))
    }
    #expect(
      try fault("github", workflow.merging(["ref": #""refs/heads/release/2""#]) { $1 }) == nil)
  }

  private let job: [String: String?] = [
    "jti": #""c82eeb0c""#, "namespace_id": #""72""#, "namespace_path": #""my-group""#,
    "project_path": #""my-group/my-project""#, "ref": #""main""#, "ref_type": #""branch""#,
    "ref_protected": #""true""#, "user_email": #""sample-user@example.com""#,
    "groups_direct": #"["my-group"]"#, "runner_id": "1",
    "sub": #""project_path:my-group/my-project:ref_type:branch:ref:main""#,
    "email": nil, "email_verified": nil,
  ]

  @Test func `a job of the group on a protected branch is accepted, and no other`() throws {
    #expect(try fault("gitlab", job) == nil)
    #expect(
      try fault("gitlab", job.merging(["namespace_id": #""74""#]) { $1 })
        == .claimNotAccepted("namespace_id"))
    #expect(
      try fault("gitlab", job.merging(["ref_protected": #""false""#]) { $1 })
        == .claimNotAccepted("ref_protected"))
  }

  private func pod(namespace: String = "ci", account: String = "runners") -> [String: String?] {
    [
      "aud": #"["runner-token-service"]"#,
      "kubernetes.io": #"""
      {"namespace":"\#(namespace)","pod":{"name":"p","uid":"1"},
       "serviceaccount":{"name":"\#(account)","uid":"2"}}
      """#,
      "sub": "\"system:serviceaccount:\(namespace):\(account)\"", "email": nil,
      "email_verified": nil,
    ]
  }

  @Test func `a pod of the service account is accepted, and no other`() throws {
    #expect(try fault("cluster-a", pod()) == nil)
    #expect(try fault("cluster-a", pod(account: "nightly")) == nil)
    #expect(
      try fault("cluster-a", pod(namespace: "default"))
        == .claimNotAccepted("/kubernetes.io/namespace"))
    #expect(
      try fault("cluster-a", pod(account: "default"))
        == .claimNotAccepted("/kubernetes.io/serviceaccount/name"))
  }

  @Test func `every member and variable of the document exists, and the reverse`() throws {
    let text = try String(contentsOf: Self.document, encoding: .utf8)
    for member in ProviderReader.members {
      #expect(text.contains("| `\(member)` |"), "\(member)")
    }
    for variable in SettingsReader.providerVariables {
      #expect(text.contains("| `\(variable.name)` |"), "\(variable.name)")
    }
    let named = text.matches(of: /`(OIDC_[A-Z_]+)`/).map { String($0.1) }
    let known = Set(
      SettingsReader.providerVariables.map(\.name) + ["OIDC_PROVIDERS_FILE"])
    #expect(Set(named).subtracting(known).isEmpty)
  }
}
