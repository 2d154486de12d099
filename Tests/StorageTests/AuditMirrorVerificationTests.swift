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
}
