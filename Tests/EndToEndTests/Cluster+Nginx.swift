import Foundation
import Glibc
import TestSupport

extension Cluster {
  private static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  /// nginx with nothing behind it, asked by its name and without limits.
  static func ofNginxAlone(
    _ edit: @escaping (inout NginxSite) throws -> Void = { _ in }
  ) throws -> Cluster {
    try Cluster(
      workerCount: 0, readyPath: "/docs/",
      edit: { site in
        try site.liftLimits()
        try edit(&site)
      })
  }

  func startNginx(_ edit: (inout NginxSite) throws -> Void) throws -> ChildProcess {
    var site = try NginxSite(in: Self.repository + "/nginx")
    try edit(&site)
    try settle(&site)
    try site.write(to: directory.file("runner-token-service"))
    try nginxConfiguration.write(
      toFile: directory.file("nginx.conf"), atomically: true, encoding: .utf8)
    let file = try openLog("nginx.log")
    defer { close(file) }
    return try ChildProcess(
      "/usr/sbin/nginx",
      [
        "-p", directory.path, "-c", directory.file("nginx.conf"), "-e", directory.file("nginx.log"),
      ],
      errors: file)
  }

  /// Takes this machine out of the limits, as the site file shows, and has requests by address answered.
  static func openToAll(_ site: inout NginxSite) throws {
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
      \(directory.nginxTemporaryPaths)
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

  /// Stand-ins for the pages that show the API.
  func makePages() throws {
    let pages = directory.file("share/docs")
    try FileManager.default.createDirectory(
      atPath: pages + "/empty", withIntermediateDirectories: true)
    for (name, text) in ["index.html": "<!doctype html>\n", "initializer.js": "'use strict'\n"] {
      try text.write(toFile: pages + "/" + name, atomically: true, encoding: .utf8)
    }
  }
}
