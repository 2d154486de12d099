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

  @Test(arguments: [
    ("data", 100_000, "x"), ("data", 100_000, "\u{1F4A9}"), ("data", 100_000, "\u{1B}"),
    ("agent", 100_000, "x"), ("agent", 100_000, "\u{E0001}"), ("data", 12_000, "x"),
  ])
  func `a line is never longer than a reader's buffer, and says what it leaves out`(
    place: String, count: Int, character: String
  ) throws {
    let long = String(repeating: character, count: count)
    let event = AuditEvent(
      .provision, actor: .init(identity: "alice", userAgent: place == "agent" ? long : "curl"),
      data: place == "data" ? ["labels": .texts([long])] : [:])
    let log = try AuditLogFixture()
    try log.database.write(auditedIn: log.file) { _, record in try record(event) }
    let line = try Data(contentsOf: URL(fileURLWithPath: log.filePath))
    #expect(line.count <= 16_384)
    let object = try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any])
    #expect(object["user_identity"] as? String == "alice")
    #expect(object["hash"] as? String == (try log.head().hash))
    let data = object["event_data"] as? [String: Any]
    switch (place, count) {
    case ("agent", _):
      #expect((object["user_agent"] as? String)?.hasSuffix(" bytes)") == true)
    case (_, 12_000): #expect((data?["labels"] as? [String]) == [long])
    default:
      #expect(data?["shortened_bytes"] as? Int ?? 0 > count)
      #expect((data?["shortened_start"] as? String)?.hasPrefix(#"{"labels":["#) == true)
    }
    // The table has it all.
    let stored = try #require(try log.database.read { try $0.auditLog.record(id: 1) })
    #expect(place == "agent" ? stored[.userAgent] == long : stored[.eventData] != nil)
    #expect(try log.fault() == nil)
    #expect(try log.mirrorFault() == nil)
  }

  @Test func `the file is opened anew when that is asked for`() throws {
    func descriptors() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
        let target = try? FileManager.default.destinationOfSymbolicLink(
          atPath: "/proc/self/fd/" + $0)
        return target == path
      }
    }
    let file = AuditFile(path: path)
    try file.append([try record(1)])
    #expect(try descriptors() == 1)
    file.reopen()
    #expect(try descriptors() == 0)
    try file.append([try record(2)])
    #expect(try lines(path).count == 2)
  }

  /// A file system of its own, where the machine lets the test have one.
  @Test func `a full disk is an error, and then the file goes on`() throws {
    let mount = directory.file("full")
    try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: false)
    guard getuid() == 0,
      try ChildProcess(
        "/bin/mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", mount]
      ).finish().status == 0
    else { return }
    defer { _ = try? ChildProcess.run("/bin/umount", ["-l", mount]) }
    let path = mount + "/audit.jsonl"
    let file = AuditFile(path: path)
    try file.append([try record(1)])
    let filler = mount + "/filler"
    let bytes = [UInt8](repeating: 0, count: 1 << 17)
    let descriptor = open(filler, O_WRONLY | O_CREAT, 0o600)
    _ = write(descriptor, bytes, bytes.count)
    close(descriptor)
    let start = ContinuousClock.now
    var written: Int64 = 1
    // What is left of the last page.
    #expect(throws: StorageError.self) {
      while true {
        try file.append([try record(written + 1)])
        written += 1
      }
    }
    #expect(ContinuousClock.now - start < .seconds(5))
    #expect(unlink(filler) == 0)
    try file.append([try record(written + 1)])
    #expect(try lines(path).count == Int(written) + 1)
    for line in try lines(path) {
      #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
    }
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
