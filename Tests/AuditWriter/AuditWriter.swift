import Foundation
import Runners
import Storage

/// Writes audit records as a worker does: for tests of several processes at once, and to measure what a record costs.
@main
enum AuditWriter {
  static let usage = """
    Usage: audit-writer DATABASE FILE COUNT [PER-TRANSACTION]

    Writes COUNT records to the database and the audit log's file, as many in a
    transaction as PER-TRANSACTION says (1 unless told), and prints the request id
    of each transaction's last record once both have it.

    """

  static func main() throws {
    let arguments = CommandLine.arguments.dropFirst()
    guard (3...4).contains(arguments.count), let count = Int(arguments[3]),
      let size = arguments.count == 4 ? Int(arguments[4]) : 1, size > 0
    else {
      FileHandle.standardError.write(Data(usage.utf8))
      exit(64)
    }
    let database = try Database(path: arguments[1]) { Timestamp(Date()) }
    let file = AuditFile(path: arguments[2])
    var written = 0
    while written < count {
      let last = min(written + size, count)
      try database.write(auditedIn: file) { _, record in
        for number in written..<last { try record(event("\(getpid())-\(number)")) }
      }
      written = last
      FileHandle.standardOutput.write(Data("\(getpid())-\(last - 1)\n".utf8))
    }
  }

  /// Of the size that those of the service have.
  private static func event(_ requestID: String) -> AuditEvent {
    AuditEvent(
      .provision,
      actor: .init(
        identity: "alice@example.com", issuer: "https://issuer.example.com", subject: "alice",
        requestID: requestID, requestIP: "192.0.2.7", userAgent: "curl/7.88.1"),
      runnerID: "0f8fad5b-d9cb-469f-a165-70867728950e", runnerName: "ci-1",
      data: [
        "labels": .texts(["gpu", "cuda-12.4"]), "ephemeral": .flag(true),
        "provisioning": .text("registration_token"),
      ])
  }
}
