import Foundation
import TestSupport
import Testing

/// Which versions of TLS and HTTP nginx speaks. scripts/check-nginx has the suites and curves.
@Suite struct NginxTLSTests {
  /// What `openssl s_client` says of a handshake, with old versions and suites allowed on its side.
  private static func handshake(_ arguments: [String], _ cluster: Cluster) throws -> String {
    let output = try ChildProcess(
      "/usr/bin/timeout",
      [
        "20", "openssl", "s_client", "-connect", "127.0.0.1:\(cluster.port)", "-servername",
        Cluster.siteName, "-cipher", "ALL:@SECLEVEL=0",
      ] + arguments
    ).finish().output
    return String(decoding: output, as: UTF8.self)
  }

  @Test func `TLS 1.2 and 1.3 are spoken and nothing older, without tickets`() throws {
    let cluster = try Cluster.ofNginxAlone()
    for version in ["-tls1", "-tls1_1"] {
      #expect(try Self.handshake([version], cluster).contains("Cipher is (NONE)"), "\(version)")
    }
    let older = try Self.handshake(["-tls1_2"], cluster)
    #expect(older.contains("Cipher is ECDHE-ECDSA-"))
    #expect(!older.contains("TLS session ticket:"))
    #expect(try Self.handshake(["-tls1_3"], cluster).contains("Cipher is TLS_"))
    // Of TLS 1.2, only suites that are authenticated and keep their secrets.
    for suite in ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256"] {
      let old = try Self.handshake(["-tls1_2", "-cipher", suite + ":@SECLEVEL=0"], cluster)
      #expect(old.contains("Cipher is (NONE)"), "\(suite)")
    }
  }

  @Test func `HTTP/2 is spoken, and HTTP/1.1 too`() throws {
    let cluster = try Cluster.ofNginxAlone()
    for (option, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
      let output = try ChildProcess.run(
        "/usr/bin/curl",
        ["-sS", "-o", "/dev/null", "-w", "%{http_version}", option] + cluster.reaching
          + [cluster.url("/docs/")])
      #expect(String(decoding: output, as: UTF8.self) == version)
    }
  }

  @Test func `the modern profile speaks TLS 1.3 only`() throws {
    let cluster = try Cluster.ofNginxAlone { site in
      let profile = try #require(site.files["tls.conf"])
      for line in profile.components(separatedBy: "\n")
      where line.hasPrefix("ssl_protocols") || line.hasPrefix("ssl_ciphers") {
        try site.replace(line + "\n", with: "", in: "tls.conf")
      }
      #expect(try site.switchOn("\"modern\" profile", in: "tls.conf") == ["ssl_protocols TLSv1.3;"])
    }
    #expect(try Self.handshake(["-tls1_2"], cluster).contains("Cipher is (NONE)"))
    #expect(try Self.handshake(["-tls1_3"], cluster).contains("Cipher is TLS_"))
  }
}
