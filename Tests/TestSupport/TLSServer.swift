import Foundation
import Glibc

/// nginx on a loopback port with TLS and a certificate of its own, for the address 127.0.0.1 only. Answers every request with
/// the number of the connection that it came by, and keeps that open.
public final class TLSServer {
  public struct Failure: Error {}

  /// A PEM file with the certificate, which signs itself.
  public let certificate: String
  public let port: UInt16
  private let directory: TemporaryDirectory
  private let nginx: ChildProcess

  /// `protocols` as nginx names them, the oldest ones too.
  public init(protocols: String = "TLSv1.2 TLSv1.3") throws {
    directory = try TemporaryDirectory()
    port = try FreePort.find()
    certificate = directory.file("tls.crt")
    try Self.makeCertificate(at: certificate, key: directory.file("tls.key"))
    let configuration = directory.file("nginx.conf")
    try Self.configuration(directory: directory, port: port, protocols: protocols)
      .write(toFile: configuration, atomically: true, encoding: .utf8)
    nginx = try ChildProcess(
      "/usr/sbin/nginx",
      ["-p", directory.path, "-c", configuration, "-e", directory.file("nginx.log")])
    try waitUntilReady()
  }

  deinit {
    nginx.stop()
  }

  public var url: String { "https://127.0.0.1:\(port)" }

  /// Makes a certificate that signs itself.
  public static func makeCertificate(at path: String, key: String) throws {
    try ChildProcess.run(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", key, "-out", path,
      ])
  }

  private static func configuration(
    directory: TemporaryDirectory, port: UInt16, protocols: String
  ) -> String {
    """
    daemon off;
    master_process off;
    pid \(directory.file("nginx.pid"));
    events { worker_connections 64; }
    http {
      access_log off;
      \(directory.nginxTemporaryPaths)
      server {
        listen 127.0.0.1:\(port) ssl;
        ssl_certificate \(directory.file("tls.crt"));
        ssl_certificate_key \(directory.file("tls.key"));
        ssl_protocols \(protocols);
        ssl_ciphers ALL:@SECLEVEL=0;
        return 200 "$connection";
      }
    }
    """
  }

  private func waitUntilReady() throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while !isListening {
      guard nginx.isRunning, .now < deadline else { throw Failure() }
      usleep(10_000)
    }
  }

  private var isListening: Bool {
    let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(probe) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        connect(probe, address, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}

extension TemporaryDirectory {
  /// Where an nginx keeps bodies and answers that are under way, for its http block.
  public var nginxTemporaryPaths: String {
    ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map { "\($0)_temp_path \(file($0));" }.joined(separator: "\n")
  }
}
