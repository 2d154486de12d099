import Foundation
import StrictJSON
import TestSupport
import Testing

/// The blocks that the site file has ready for admins, switched on as it says.
@Suite struct NginxAccessTests {
  private static let policies = "/api/v1/admin/label-policies"
  private static let webhooks = "/api/v1/webhooks/github"
  private static let settings = ["ADMIN_IDENTITIES": "root@example.com"]

  /// Has this machine believed when it says whom it forwards for.
  private static func forward(_ site: inout NginxSite) throws {
    try site.switchOn("BEHIND A LOAD BALANCER")
    try site.replace("192.0.2.10", with: "127.0.0.1")
  }

  private static func from(_ address: String) -> [String] { ["X-Forwarded-For: \(address)"] }

  @Test func `admins' addresses are the only ones for admins' paths, beside the token`() throws {
    let cluster = try Cluster(
      workerCount: 1, settings: Self.settings,
      edit: { site in
        try Self.forward(&site)
        #expect(try site.switchOn("ADMINS' ADDRESSES").count == 3)
      })
    let root = try cluster.token("root")
    let groups = "/api/v1/runner-groups"
    for address in ["192.0.2.5", "2001:db8:1::5"] {
      for path in [Self.policies, groups] {
        #expect(try cluster.get(path, token: root, headers: Self.from(address)).status == 200)
      }
      let alice = try cluster.token("alice")
      let caller = try cluster.get(Self.policies, token: alice, headers: Self.from(address))
      #expect(caller.problem == "403 ADMIN_REQUIRED")
    }
    for address in ["192.0.2.99", "2001:db8:2::5"] {
      // However the path is written: nginx looks at what it means, the service at how it stands there.
      for path in [
        Self.policies, groups, "/api/v1//admin/label-policies", "/api/v1/%61dmin/label-policies",
        "/api/v1/x/../admin/label-policies",
      ] {
        let refused = try cluster.get(path, token: root, headers: Self.from(address))
        #expect(refused.problem == "403 FORBIDDEN", "\(path)")
      }
      #expect(
        try cluster.get("/api/v1/auth/me", token: root, headers: Self.from(address)).status == 200)
    }
  }

  @Test func `a load balancer tells the client's address, and nobody else does`() throws {
    let cluster = try Cluster(workerCount: 1, edit: { try Self.forward(&$0) })
    let token = try cluster.token("alice")
    func provision(_ name: String, _ headers: [String]) throws {
      let answer = try cluster.post(
        "/api/v1/runners/provision", #"{"runner_name":"\#(name)"}"#, token: token, headers: headers)
      #expect(answer.status == 201)
    }
    try provision("first", Self.from("203.0.113.9"))
    // What a client wrote stands before what the load balancer adds.
    try provision("second", Self.from("198.51.100.7, 203.0.113.10"))
    #expect(
      try cluster.auditLines().compactMap { $0["request_ip"]?.string }
        == ["203.0.113.9", "203.0.113.9", "203.0.113.10", "203.0.113.10"])
  }

  @Test func `GitHub's addresses are the only ones for webhooks`() throws {
    let cluster = try Cluster(
      workerCount: 1, settings: ["GITHUB_WEBHOOK_SECRET": "a secret of some length"],
      edit: { site in
        try Self.forward(&site)
        #expect(try site.switchOn("GITHUB'S ADDRESSES").count == 7)
      })
    for address in ["192.30.252.44", "140.82.115.9", "2606:50c0::1"] {
      let answer = try cluster.post(Self.webhooks, "{}", headers: Self.from(address))
      #expect(answer.problem == "401 INVALID_SIGNATURE")
    }
    for address in ["192.0.2.1", "2001:db8::1"] {
      let answer = try cluster.post(Self.webhooks, "{}", headers: Self.from(address))
      #expect(answer.problem == "403 FORBIDDEN")
      #expect(try cluster.get("/health", headers: Self.from(address)).status == 200)
    }
  }

  @Test func `admins' paths take a certificate of the authority, and no other's`() throws {
    let authorities = try TemporaryDirectory()
    for name in ["admins", "strangers"] { try Self.makeAuthority(name, in: authorities) }
    try Self.makeCertificate("root", of: "admins", in: authorities)
    try Self.makeCertificate("late", of: "admins", in: authorities, days: "-1")
    try Self.makeCertificate("stranger", of: "strangers", in: authorities)
    let cluster = try Cluster(
      workerCount: 1, settings: Self.settings,
      edit: { site in
        try site.liftLimits()
        #expect(try site.switchOn("CLIENT CERTIFICATES FOR ADMINS").count == 3)
        try site.replace(
          "/etc/nginx/runner-token-service/admins-ca.pem", with: authorities.file("admins.crt"))
      })
    let token = try cluster.token("root")
    func ask(_ certificate: String?, _ path: String) throws -> String {
      let arguments = certificate.map {
        ["--cert", authorities.file($0 + ".crt"), "--key", authorities.file($0 + ".key")]
      }
      return try cluster.curl(arguments ?? [], path, token: token).problem
    }
    for path in [Self.policies, "/api/v1/runner-groups"] {
      #expect(try ask("root", path) == "200 -")
      #expect(try ask(nil, path) == "403 FORBIDDEN")
      for bad in ["stranger", "late"] { #expect(try ask(bad, path) == "400 BAD_REQUEST") }
    }
    #expect(try ask(nil, "/api/v1//admin/label-policies") == "403 FORBIDDEN")
    // Everybody else comes without one; a bad one is refused everywhere.
    #expect(try ask(nil, "/api/v1/auth/me") == "200 -")
    #expect(try ask("root", "/api/v1/auth/me") == "200 -")
    #expect(try ask("stranger", "/api/v1/auth/me") == "400 BAD_REQUEST")
  }

  // MARK: - Certificates

  private static func makeAuthority(_ name: String, in directory: TemporaryDirectory) throws {
    try ChildProcess.run(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
        "1", "-subj", "/CN=\(name)", "-keyout", directory.file(name + ".key"), "-out",
        directory.file(name + ".crt"),
      ])
  }

  private static func makeCertificate(
    _ name: String, of authority: String, in directory: TemporaryDirectory, days: String = "1"
  ) throws {
    try ChildProcess.run(
      "/usr/bin/openssl",
      [
        "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
        "/CN=\(name)", "-keyout", directory.file(name + ".key"), "-out",
        directory.file(name + ".csr"),
      ])
    try ChildProcess.run(
      "/usr/bin/openssl",
      [
        "x509", "-req", "-in", directory.file(name + ".csr"), "-CA",
        directory.file(authority + ".crt"),
        "-CAkey", directory.file(authority + ".key"), "-days", days, "-out",
        directory.file(name + ".crt"),
      ])
  }
}
