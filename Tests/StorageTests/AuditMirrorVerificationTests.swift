import Foundation
import Runners
import TestSupport
import Testing

@testable import Storage

@Suite struct AuditMirrorVerificationTests {
  let log: AuditLogFixture

  init() throws {
    log = try AuditLogFixture()
    try log.write(10)
  }

  private func edit(_ change: (inout [String]) -> Void) throws {
    var lines = try String(contentsOfFile: log.filePath, encoding: .utf8)
      .split(separator: "\n").map(String.init)
    change(&lines)
    try (lines.joined(separator: "\n") + "\n").write(
      toFile: log.filePath, atomically: false, encoding: .utf8)
  }

  @Test(arguments: [
    ("alice", "mallory"), (#""success":true"#, #""success":false"#), (#""gpu""#, #""cpu""#),
    (#"{"#, #"{"user_identity":"mallory","#), (#""id":5"#, #""id":-5"#),
    (#""id":5"#, #""id":9223372036854775807"#),
  ])
  func `a line that was edited is found though its id and hash are true`(
    old: String, new: String
  ) throws {
    #expect(try log.mirrorFault() == nil)
    try edit { lines in
      if let place = lines[4].range(of: old) { lines[4].replaceSubrange(place, with: new) }
    }
    guard case .mirrorDiffers(_, let line, _) = try log.mirrorFault() else {
      Issue.record("not found")
      return
    }
    #expect(line == 5)
  }

  @Test func `a line without a hash is no record`() throws {
    #expect(try log.database.verifyMirror(path: log.filePath).lines == 10)
    try edit { $0[0].replace(/"(prev_)?hash":"[0-9a-f]+",/, with: "") }
    #expect(try log.mirrorFault() == .mirrorDiffers(id: nil, line: 1, path: log.filePath))
  }

  @Test func `lines that are missing are counted, over all files together`() throws {
    let whole = try log.database.verifyMirror(path: log.filePath)
    #expect(whole.missing == nil)
    try edit { $0.removeSubrange(3..<6) }
    var part = try log.database.verifyMirror(path: log.filePath)
    #expect(part.lines == 7)
    #expect(part.missing?.count == 3)
    #expect(part.missing?.first == 4)
    part.add(whole)
    #expect(part.missing == nil)
  }

  private func faults() throws -> [AuditMirrorFault] {
    try log.database.verifyMirror(path: log.filePath).faults(due: 10)
  }

  private static let edits:
    [(name: String, change: @Sendable (inout [String]) -> Void, faults: [AuditMirrorFault])] = [
      ("whole", { _ in }, []),
      ("in another order", { $0.swapAt(2, 7) }, []),
      ("without its head, which may be in a file that was not given", { $0.removeFirst(3) }, []),
      ("without some in the middle", { $0.removeSubrange(3..<5) }, [.missing(count: 2, first: 4)]),
      ("without its tail", { $0.removeLast(2) }, [.endsEarly(after: 8, last: 10)]),
      ("every line twice", { $0 += $0 }, [.doubled(count: 10, first: 1)]),
      (
        "all of it at once", { $0 = Array($0[1..<3] + $0[5..<8] + [$0[6]]) },
        [
          .missing(count: 2, first: 4), .doubled(count: 1, first: 7),
          .endsEarly(after: 8, last: 10),
        ]
      ),
    ]

  @Test(arguments: 0..<7)
  func `lines that are missing or doubled are found though each is as in the table`(index: Int)
    throws
  {
    let (name, change, expected) = Self.edits[index]
    try edit(change)
    #expect(try faults() == expected, "\(name)")
  }

  @Test func `an empty file ends before the table, but not before one that is empty too`() throws {
    try Data().write(to: URL(fileURLWithPath: log.filePath), options: [])
    #expect(try faults() == [.endsEarly(after: 0, last: 10)])
    #expect(VerifiedMirror().faults(due: 0) == [])
  }

  @Test func `a record that two files have is doubled`() throws {
    var all = try log.database.verifyMirror(path: log.filePath)
    try edit { $0.removeFirst(8) }
    all.add(try log.database.verifyMirror(path: log.filePath))
    #expect(all.faults(due: 10) == [.doubled(count: 2, first: 9)])
  }

  @Test(arguments: [(after: 4, due: 10 as Int64), (6, 12), (-100, 12)])
  func `a record that was made just now may be without its line`(after seconds: Double, due: Int64)
    throws
  {
    log.clock.advance(by: 60)
    try log.write(2)
    log.clock.advance(by: seconds)
    #expect(try log.database.read { try $0.auditLog.lastID(olderThanSeconds: 5) } == due)
  }

  @Test func `a line that was lost to a restore is explained`() throws {
    try log.database.write(auditedIn: log.file) { _, record in
      try record(
        AuditEvent(
          .restore, actor: .init(identity: "cli:root"), data: ["backup_last_id": .number(6)]))
    }
    #expect(try log.mirrorFault() == nil)
    try edit { $0[7] = $0[7].replacing("alice", with: "mallory") }
    #expect(
      try log.mirrorFault()
        == .mirrorBeforeRestore(id: 8, line: 8, path: log.filePath, record: 11, last: 6))
    try edit { $0[5] = $0[5].replacing("alice", with: "mallory") }
    #expect(try log.mirrorFault() == .mirrorDiffers(id: 6, line: 6, path: log.filePath))
  }
}
