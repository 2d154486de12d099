import FastCGI
import Foundation
import Glibc
import StrictJSON

/// Something that goes wrong on purpose.
struct Fault: Sendable {
  /// Any method where nil.
  let method: String?
  /// Part of the path and query as the client wrote them.
  let pathFragment: String
  /// How many requests it still hits.
  var count: Int
  let delayMilliseconds: Int
  /// What is said instead of the true answer; nil to only delay.
  let response: Response?
  /// Does what was asked before it delays and fails: the client loses the answer, not the effect.
  let isAfter: Bool

  /// Blocks the thread, as a slow server would.
  func wait() {
    guard delayMilliseconds > 0 else { return }
    usleep(UInt32(clamping: delayMilliseconds * 1000))
  }
}

/// The faults that are still to happen, oldest first.
struct FaultQueue: Sendable {
  private var faults: [Fault] = []

  var count: Int { faults.reduce(0) { $0 + $1.count } }

  mutating func add(_ fault: Fault) {
    faults.append(fault)
  }

  mutating func clear() {
    faults = []
  }

  /// The first fault that fits, used up by one.
  mutating func next(for call: Call) -> Fault? {
    let index = faults.firstIndex { fault in
      (fault.method ?? call.method) == call.method
        && (fault.pathFragment.isEmpty || call.target.contains(fault.pathFragment))
    }
    guard let index else { return nil }
    let fault = faults[index]
    faults[index].count -= 1
    if faults[index].count == 0 { faults.remove(at: index) }
    return fault
  }
}

extension Fault {
  private static let members: Set<String> = [
    "method", "path_contains", "count", "status", "body", "content_type", "headers", "delay_ms",
    "after",
  ]

  init(_ call: Call) throws(Refusal) {
    let body = try RequestBody(call, allowing: Self.members)
    method = try body.optional("method", .string)?.uppercased()
    pathFragment = try body.required("path_contains", .string)
    count = try body.optional("count", .integer, in: 1...1_000_000) ?? 1
    delayMilliseconds = try body.optional("delay_ms", .integer, in: 0...600_000) ?? 0
    isAfter = try body.optional("after", .boolean) ?? false
    response = try Self.response(body)
    guard response != nil || delayMilliseconds > 0 else {
      throw Refusal(422, "Invalid input: a fault needs a status or a delay_ms")
    }
  }

  private static func response(_ body: RequestBody) throws(Refusal) -> Response? {
    guard let status = try body.optional("status", .integer, in: 200...599) else { return nil }
    let text = try body.optional("body", .string) ?? #"{"message":"Server Error"}"#
    let type = try body.optional("content_type", .string) ?? Response.jsonType
    var headers = [Response.Header("Content-Type", type)]
    for member in try body.optional("headers", .object)?.members ?? [] {
      guard let value = member.value.string else {
        throw Refusal(422, "Invalid property /headers: \(member.name) is not a string")
      }
      headers.append(Response.Header(member.name, value))
    }
    return Response(status: status, headers: headers, body: Array(text.utf8))
  }
}
