import Foundation
import Glibc
import HTTPClient
import TestSupport
import Testing

/// Bundles as they reach the client, over real TLS.
@Suite struct TrustTests {
  let client = HTTPClient.curl()
  let directory: TemporaryDirectory
  /// A bundle that no server here is under.
  let otherBundle: String

  init() throws {
    directory = try TemporaryDirectory()
    otherBundle = directory.file("other.crt")
    try TLSServer.makeCertificate(at: otherBundle, key: directory.file("other.key"))
  }

  private func body(_ server: TLSServer, bundle: String?) throws -> String {
    let response = try client.send(
      HTTPRequest(.get, server.url, certificateBundle: bundle))
    return String(decoding: response.body, as: UTF8.self)
  }

  /// Expects that a request does not get as far as the server, and returns why.
  @discardableResult
  private func refusal(_ request: HTTPRequest) throws -> String {
    let error = try #require(throws: HTTPClientError.self) { try client.send(request) }
    guard case .cannotConnect(let reason) = error else {
      Issue.record("\(error)")
      return ""
    }
    return reason
  }

  private func refusal(_ server: TLSServer, bundle: String?) throws -> String {
    try refusal(HTTPRequest(.get, server.url, certificateBundle: bundle))
  }

  @Test func `the bundle of the request is what counts`() throws {
    let server = try TLSServer()
    let reason = "SSL peer certificate or SSH remote key was not OK"
    #expect(try refusal(server, bundle: nil) == reason)
    #expect(try refusal(server, bundle: otherBundle) == reason)
    #expect(try Int(body(server, bundle: server.certificate)) != nil)
  }

  @Test func `a bundle may hold several certificates`() throws {
    let server = try TLSServer()
    let both = directory.file("both.crt")
    let texts = try [otherBundle, server.certificate].map {
      try String(contentsOfFile: $0, encoding: .utf8)
    }
    try texts.joined(separator: "the next\n").write(
      toFile: both, atomically: true, encoding: .utf8)
    #expect(try Int(body(server, bundle: both)) != nil)
  }

  @Test func `a connection made under a bundle serves no request without it`() throws {
    let server = try TLSServer()
    let first = try body(server, bundle: server.certificate)
    #expect(try body(server, bundle: server.certificate) == first)
    try #expect(!refusal(server, bundle: nil).isEmpty)
    try #expect(!refusal(server, bundle: otherBundle).isEmpty)
    #expect(try Int(body(server, bundle: server.certificate)) != nil)
  }

  @Test func `the server's name is verified under a bundle too`() throws {
    let server = try TLSServer()
    #expect(try Int(body(server, bundle: server.certificate)) != nil)
    let elsewhere = HTTPRequest(
      .get, "https://localhost:\(server.port)", certificateBundle: server.certificate)
    try #expect(!refusal(elsewhere).isEmpty)
  }

  @Test func `each new connection goes by what the bundle holds now`() throws {
    let server = try TLSServer()
    let bundle = directory.file("bundle.crt")
    let request = HTTPRequest(
      .get, server.url, headers: [("Connection", "close")], certificateBundle: bundle)
    try FileManager.default.copyItem(atPath: server.certificate, toPath: bundle)
    #expect(try client.send(request).status == 200)
    try Data(contentsOf: URL(fileURLWithPath: otherBundle)).write(
      to: URL(fileURLWithPath: bundle))
    try #expect(!refusal(request).isEmpty)
    try FileManager.default.removeItem(atPath: bundle)
    try #expect(!refusal(request).isEmpty)
    try FileManager.default.copyItem(atPath: server.certificate, toPath: bundle)
    #expect(try client.send(request).status == 200)
  }

  @Test(arguments: [nil, "", "no certificate"])
  func `a bundle that cannot be used is named`(contents: String?) throws {
    let server = try TLSServer()
    let bundle = directory.file("bundle.crt")
    try contents?.write(toFile: bundle, atomically: true, encoding: .utf8)
    #expect(
      try refusal(server, bundle: bundle)
        == "the certificate bundle \(bundle) cannot be read or is not in PEM")
    #expect(try Int(body(server, bundle: server.certificate)) != nil)
  }

  @Test func `TLS older than 1.2 is not spoken`() throws {
    let old = try TLSServer(protocols: "TLSv1.1")
    try #expect(!refusal(old, bundle: old.certificate).isEmpty)
    let current = try TLSServer(protocols: "TLSv1.2")
    #expect(try Int(body(current, bundle: current.certificate)) != nil)
  }
}

@Suite struct CertificateBundleTests {
  let directory: TemporaryDirectory
  let certificate: String

  init() throws {
    directory = try TemporaryDirectory()
    let path = directory.file("ca.crt")
    try TLSServer.makeCertificate(at: path, key: directory.file("ca.key"))
    certificate = try String(contentsOfFile: path, encoding: .utf8)
  }

  private func check(_ contents: String) throws {
    let path = directory.file("bundle.crt")
    try contents.write(toFile: path, atomically: true, encoding: .utf8)
    try CertificateBundle.check(path: path)
  }

  private func fault(_ body: () throws -> Void) throws -> String {
    try #require(throws: CertificateBundle.Fault.self, performing: body).reason
  }

  @Test func `certificates with text around them are a bundle`() throws {
    try check(certificate)
    try check("# Our CA\n" + certificate + "# The next\r\n" + certificate)
    try check(certificate.replacingOccurrences(of: "\n", with: "\r\n"))
  }

  @Test func `a link to a bundle is one`() throws {
    let link = directory.file("link.crt")
    try FileManager.default.createSymbolicLink(
      atPath: link, withDestinationPath: directory.file("ca.crt"))
    try CertificateBundle.check(path: link)
  }

  @Test func `a file without a whole certificate is none`() throws {
    let path = directory.file("bundle.crt")
    for contents in ["", "no certificate", try key] {
      #expect(try fault { try check(contents) } == "\(path) holds no certificate in PEM")
    }
    let broken = [
      String(certificate.dropLast(30)), certificate.replacingOccurrences(of: "MII", with: "?"),
      certificate + certificate.dropLast(30),
      "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    ]
    for contents in broken {
      #expect(
        try fault { try check(contents) }
          == "\(path) holds a certificate that is cut short or garbled")
    }
  }

  private var key: String {
    get throws { try String(contentsOfFile: directory.file("ca.key"), encoding: .utf8) }
  }

  @Test func `what is no file, or not there, is none`() throws {
    let missing = directory.file("missing.crt")
    #expect(
      try fault { try CertificateBundle.check(path: missing) }
        == "there is no file \(missing), or this user may not see it")
    #expect(
      try fault { try CertificateBundle.check(path: directory.path) }
        == "\(directory.path) is not a file")
    let pipe = directory.file("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    #expect(try fault { try CertificateBundle.check(path: pipe) } == "\(pipe) is not a file")
  }
}
