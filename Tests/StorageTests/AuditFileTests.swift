import Foundation
import Runners
import TestSupport
import Testing

@testable import Storage

@Suite struct AuditFileTests {
  let directory: TemporaryDirectory
  let path: String

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.file("audit.jsonl")
  }

  private func record(_ id: Int64, userAgent: String = "curl") throws -> AuditRecord {
    try AuditRecord(
      AuditEvent(
        .provision, actor: .init(identity: "alice", userAgent: userAgent),
        data: ["labels": .texts(["gpu"])]),
      at: Timestamp(milliseconds: 1_800_000_000_000), id: id,
      after: AuditHead(id: id - 1, hash: AuditChain.beginning))
  }

  private func lines(_ path: String) throws -> [String] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  @Test func `a record is one line of JSON`() throws {
    try AuditFile(path: path).append([try record(7)])
    #expect(
      try lines(path) == [
        #"{"event_data":{"labels":["gpu"]},"event_type":"provision","#
          + #""hash":"\#(try record(7).hash)","id":7,"prev_hash":"\#(AuditChain.beginning)","#
          + #""success":true,"timestamp":"2027-01-15T08:00:00.000Z","user_agent":"curl","user_identity":"alice"}"#
      ])
  }

  @Test func `control and direction characters are escaped`() throws {
    let hostile = "a\n\u{1B}[2J\u{7F}\u{85}\u{9B}\u{202E}\u{2066}\u{2028}z"
    try AuditFile(path: path).append([try record(1, userAgent: hostile)])
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let line = String(decoding: bytes, as: UTF8.self)
    #expect(line.count { $0 == "\n" } == 1)
    #expect(bytes.dropLast().allSatisfy { (0x20..<0x7F).contains($0) })
    let object = try JSONSerialization.jsonObject(with: bytes) as? [String: Any]
    #expect(object?["user_agent"] as? String == hostile)
  }

  @Test func `the file is made anew after it was moved away`() throws {
    let file = AuditFile(path: path)
    try file.append([try record(1)])
    try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
    try file.append([try record(2)])
    #expect(try lines(path + ".1").count == 1)
    #expect(try lines(path).count == 1)
  }

  @Test func `the file is not for everybody`() throws {
    try AuditFile(path: path).append([try record(1)])
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(try #require(mode) & 0o137 == 0)
  }

  @Test(arguments: ["directory", "fifo", "symlink"])
  func `anything but a file in its place is refused at once`(kind: String) throws {
    switch kind {
    case "directory":
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    case "fifo": #expect(mkfifo(path, 0o600) == 0)
    default:
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/null")
    }
    let file = AuditFile(path: path)
    #expect(throws: StorageError.self) { try file.append([try record(1)]) }
    try FileManager.default.removeItem(atPath: path)
    try file.append([try record(2)])
    #expect(try lines(path).count == 1)
  }

  @Test func `a missing directory is an error until it is there`() throws {
    let file = AuditFile(path: directory.file("missing/audit.jsonl"))
    #expect(throws: StorageError.self) { try file.append([try record(1)]) }
    #expect(throws: StorageError.self) { try file.checkWritable() }
    try FileManager.default.createDirectory(
      atPath: directory.file("missing"), withIntermediateDirectories: false)
    try file.append([try record(2)])
    #expect(try lines(directory.file("missing/audit.jsonl")).count == 1)
  }

  /// In a process of its own, because the limit on the size of files is the process's.
  @Test func `a line that was cut off is taken back, and the next one stands by itself`() async {
    await #expect(processExitsWith: .success) {
      signal(SIGXFSZ, SIG_IGN)
      let directory = try TemporaryDirectory()
      let path = directory.file("audit.jsonl")
      let file = AuditFile(path: path)
      func append(_ id: Int64) throws {
        try file.append([
          try AuditRecord(
            AuditEvent(.refresh, actor: .init()), at: Timestamp(milliseconds: 0), id: id,
            after: AuditHead(id: id - 1, hash: AuditChain.beginning))
        ])
      }
      try append(1)
      let size = try #require(
        try FileManager.default.attributesOfItem(atPath: path)[.size] as? UInt64)
      var limit = rlimit()
      getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      let unlimited = limit.rlim_cur
      limit.rlim_cur = rlim_t(size + 10)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      #expect(throws: StorageError.self) { try append(2) }
      limit.rlim_cur = unlimited
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      try append(3)
      let text = try String(contentsOfFile: path, encoding: .utf8)
      let ids = try text.split(separator: "\n").map { line in
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        return object?["id"] as? Int
      }
      #expect(ids == [1, 3])
    }
  }
}
