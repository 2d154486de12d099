import Configuration
import Foundation
import JOSE
import OIDC
import TestSupport
import Testing

@testable import TokenService

@Suite struct IdentityProvidersFileTests {
  let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func read(_ text: String) throws -> (providers: [Provider], faults: [String]) {
    let path = directory.file("providers.json")
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    let outcome = IdentityProvidersFile(path: path).read()
    return (
      outcome.providers,
      outcome.faults.map { $0.replacingOccurrences(of: path, with: "FILE") }
    )
  }

  private func makeCertificate(_ path: String) throws {
    try ChildProcess.run(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-out", path,
        "-keyout", path + ".key",
      ])
  }

  /// A file of one provider with these members over the required ones.
  private func faults(_ members: String) throws -> [String] {
    try read(
      #"{"providers":[{"name":"a","issuer":"https://a.example","audiences":["x"],\#(members)}]}"#
    ).faults
  }

  @Test func `a provider with all its settings is read`() throws {
    try makeCertificate(directory.file("ca.pem"))
    let (providers, faults) = try read(
      """
      {"providers": [
        {"name": "people", "issuer": "https://id.example/realm", "audiences": ["a", "b"],
         "jwks_url": "https://id.example/keys", "algorithms": ["ES256"],
         "identity_claim": "preferred_username", "ca_bundle": "\(directory.file("ca.pem"))", "token_types": ["at+jwt"],
         "authorized_parties": ["cli"], "maximum_lifetime_seconds": 3600, "leeway_seconds": 0,
         "required_claims": {"hd": "example.com", "/roles/runners": ["user", true, 7],
                             "ref": {"pattern": "refs/heads/.*"}}},
        {"name": "ci-2", "issuer": "https://ci.example", "audiences": ["c"]}
      ]}
      """)
    #expect(faults.isEmpty)
    let first = try #require(providers.first)
    #expect(first.name == "people")
    #expect(first.issuer == "https://id.example/realm")
    #expect(first.audiences == ["a", "b"])
    #expect(first.jwksURL == "https://id.example/keys")
    #expect(first.algorithms == [.es256])
    #expect(first.identityClaim == "preferred_username")
    #expect(first.certificateBundle == directory.file("ca.pem"))
    #expect(first.tokenTypes == .only(["at+jwt"]))
    #expect(first.authorizedParties == ["cli"])
    #expect(first.maximumLifetime == 3600)
    #expect(first.leeway == 0)
    #expect(first.requiredClaims.map(\.claim.description) == ["hd", "/roles/runners", "ref"])
    let second = try #require(providers.last)
    #expect(second.algorithms == [.rs256, .es256])
    #expect(second.identityClaim == "email")
    #expect(second.tokenTypes == .standard)
    #expect(second.maximumLifetime == 86_400)
    #expect(second.leeway == 60)
  }

  @Test(arguments: [
    ("", "FILE is not JSON: syntax error at byte 0"),
    ("{", "FILE is not JSON: syntax error at byte 1"),
    (
      #"{"providers":[],"providers":[]}"#,
      #"FILE is not JSON: the member "providers" appears twice"#
    ),
    ("[]", "FILE must be an object with one member, providers, a list that is not empty"),
    (
      #"{"providers":[]}"#,
      "FILE must be an object with one member, providers, a list that is not empty"
    ),
    (#"{"providers":[7]}"#, "FILE: providers[0] must be an object"),
  ])
  func `a file of another form is refused in words`(text: String, fault: String) throws {
    #expect(try read(text).faults == [fault])
  }

  @Test(arguments: [
    #""leeway_seconds":301"#, #""leeway_seconds":-1"#, #""leeway_seconds":"60""#,
    #""maximum_lifetime_seconds":59"#, #""maximum_lifetime_seconds":1.5"#,
    #""algorithms":[]"#, #""algorithms":["none"]"#, #""algorithms":["HS256"]"#,
    #""algorithms":["rs256"]"#, #""algorithms":"RS256""#,
    #""jwks_url":"http://a.example/keys""#, #""jwks_url":"file:///etc/passwd""#,
    #""jwks_url":"https://u:p@a.example/keys""#, #""jwks_url":7"#,
    #""token_types":[]"#, #""authorized_parties":[""]"#, #""identity_claim":"""#,
    #""ca_bundle":"/nowhere/ca.pem""#,
    #""required_claims":[]"#, #""required_claims":{"":"x"}"#, #""required_claims":{"/a~":"x"}"#,
    #""required_claims":{"a":null}"#, #""required_claims":{"a":[]}"#,
    #""required_claims":{"a":[{}]}"#, #""required_claims":{"a":{}}"#,
    #""required_claims":{"a":{"pattern":"("}}"#, #""required_claims":{"a":{"pattern":7}}"#,
    #""required_claims":{"a":{"pattern":"x","flags":"i"}}"#, #""required_claims":{"a":1.5}"#,
    #""unknown":1"#, #""Leeway_seconds":60"#,
  ])
  func `a setting that cannot be used is told by its name`(member: String) throws {
    let name = member.split(separator: "\"")[0]
    let faults = try faults(member)
    #expect(faults.count == 1)
    #expect(faults.first?.hasPrefix("FILE: providers[0].\(name)") == true, "\(faults)")
  }

  @Test(arguments: [
    #""leeway_seconds":300"#, #""algorithms":["RS256","ES256"]"#,
    #""jwks_url":"http://127.0.0.1:8080/keys""#, #""required_claims":{}"#,
    #""required_claims":{"a":false,"b":-1,"c":{"pattern":".*"}}"#,
  ])
  func `a setting that can be used is accepted`(member: String) throws {
    #expect(try faults(member).isEmpty)
  }

  @Test func `every fault is told at once`() throws {
    let faults = try read(
      #"{"providers":[{"name":"Sub"},{"name":"cli","issuer":"ftp://x","audiences":[]}]}"#
    ).faults
    #expect(
      faults.map { $0.split(separator: " ")[1] } == [
        "providers[0].name", "providers[0].issuer", "providers[0].audiences",
        "providers[1].name", "providers[1].issuer", "providers[1].audiences",
      ])
  }

  @Test(arguments: ["sub", "cli", "", "A", "a b", "a:b", "a_b", String(repeating: "a", count: 33)])
  func `a name that could be taken for something else is refused`(name: String) throws {
    let faults = try read(
      #"{"providers":[{"name":"\#(name)","issuer":"https://a.example","audiences":["x"]}]}"#
    ).faults
    #expect(faults.map { $0.split(separator: " ")[1] } == ["providers[0].name"])
  }

  @Test func `two providers of one issuer or one name are refused`() throws {
    func faults(_ second: String) throws -> [String] {
      try read(
        #"{"providers":[{"name":"a","issuer":"https://a.example","audiences":["x"]},\#(second)]}"#
      ).faults
    }
    #expect(
      try faults(#"{"name":"b","issuer":"https://a.example","audiences":["x"]}"#)
        == ["FILE: two providers have the issuer https://a.example"])
    #expect(
      try faults(#"{"name":"a","issuer":"https://b.example","audiences":["x"]}"#)
        == ["FILE: two providers have the name a"])
    #expect(try faults(#"{"name":"b","issuer":"https://b.example","audiences":["x"]}"#) == [])
  }

  @Test func `a file that anybody can change is refused`() throws {
    let text = #"{"providers":[{"name":"a","issuer":"https://a.example","audiences":["x"]}]}"#
    #expect(try read(text).faults.isEmpty)
    let path = directory.file("providers.json")
    try FileManager.default.setAttributes([.posixPermissions: 0o646], ofItemAtPath: path)
    #expect(
      IdentityProvidersFile(path: path).read().faults
        == ["\(path) can be changed by anybody; run chmod o-w \(path)"])
  }

  @Test func `a link is judged by the file that it leads to`() throws {
    let text = #"{"providers":[{"name":"a","issuer":"https://a.example","audiences":["x"]}]}"#
    #expect(try read(text).faults.isEmpty)
    let (path, link) = (directory.file("providers.json"), directory.file("link.json"))
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
    #expect(IdentityProvidersFile(path: link).read().faults.isEmpty)
    try FileManager.default.setAttributes([.posixPermissions: 0o646], ofItemAtPath: path)
    #expect(IdentityProvidersFile(path: link).read().faults.count == 1)
  }

  @Test func `a certificate bundle that anybody can change is refused`() throws {
    let path = directory.file("ca.pem")
    try makeCertificate(path)
    #expect(try faults("\"ca_bundle\":\"\(path)\"").isEmpty)
    try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: path)
    #expect(
      try faults("\"ca_bundle\":\"\(path)\"")
        == ["FILE: providers[0].ca_bundle \(path) can be changed by anybody; run chmod o-w \(path)"]
    )
  }

  @Test func `a file that is not there is a fault`() {
    #expect(
      IdentityProvidersFile(path: "/nowhere/providers.json").read().faults
        == ["there is no file /nowhere/providers.json, or this user may not see it"])
    #expect(IdentityProvidersFile(path: "/dev/null").read().faults == ["/dev/null is not a file"])
    #expect(IdentityProvidersFile(path: "/tmp").read().faults == ["/tmp is not a file"])
  }
}
