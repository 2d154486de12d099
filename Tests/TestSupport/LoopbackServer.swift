import Concurrency
import Foundation
import Glibc

/// An HTTP server on a loopback port that answers with the bytes that a test gives it, well-formed or not.
public final class LoopbackServer: Sendable {
  public enum Answer: Sendable {
    /// These bytes; the connection stays open.
    case bytes(String)
    /// These bytes, then the connection ends.
    case bytesThenClose(String)
    /// These bytes, which need not be text; the connection stays open.
    case raw([UInt8])
    /// These bytes one at a time, a millisecond or more apart, for as long as the client takes them.
    case drip(String)
    /// The first bytes, then the second again and again, for as long as the client takes them.
    case endless(String, repeating: String)
    /// Nothing, for as long as the client waits.
    case silence
  }

  private struct State {
    var requests: [String] = []
    var connections: [Int32] = []
  }

  private let listener: Int32
  private let answer: @Sendable (String) -> Answer
  private let state = Locked(State())
  public let port: UInt16

  /// `answer` gets the whole request as text.
  public init(answer: @escaping @Sendable (String) -> Answer) throws {
    self.answer = answer
    (listener, port) = try Self.listen()
    Thread.detachNewThread { [self, listener] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        state.withLock { $0.connections.append(connection) }
        Thread.detachNewThread { [weak self] in self?.serve(connection) }
      }
    }
  }

  /// A listener on a free port of the loopback interface.
  private static func listen() throws -> (Int32, UInt16) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, size) == 0 && Glibc.listen(listener, 64) == 0
          && getsockname(listener, address, &size) == 0
      }
    }
    guard isListening else { throw CocoaError(.fileReadUnknown) }
    return (listener, address.sin_port.bigEndian)
  }

  /// Ends the listener and every connection.
  public func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
    endConnections()
  }

  /// Ends every connection; new ones are welcome.
  public func endConnections() {
    state.withLock { state in
      for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
    }
  }

  public var url: String { "http://127.0.0.1:\(port)" }
  public var requests: [String] { state.withLock(\.requests) }
  public var connectionCount: Int { state.withLock(\.connections.count) }

  private func serve(_ connection: Int32) {
    var received: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(connection, &buffer, buffer.count)
      guard count > 0 else { return }
      received += buffer[..<count]
      guard let request = Self.completeRequest(received) else { continue }
      received = []
      state.withLock { $0.requests.append(request) }
      switch answer(request) {
      case .bytes(let text):
        send(Array(text.utf8), connection)
      case .bytesThenClose(let text):
        send(Array(text.utf8), connection)
        shutdown(connection, Int32(SHUT_RDWR))
        return
      case .raw(let bytes):
        send(bytes, connection)
      case .drip(let text):
        for byte in text.utf8 {
          guard send([byte], connection) else { return }
          usleep(1000)
        }
      case .endless(let text, let repeating):
        guard send(Array(text.utf8), connection) else { return }
        let bytes = Array(repeating.utf8)
        while send(bytes, connection) {}
      case .silence:
        break
      }
    }
  }

  private static func completeRequest(_ bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.range(of: "\r\n\r\n") else { return nil }
    let length = text[..<end.lowerBound].lowercased().split(separator: "\r\n")
      .first { $0.hasPrefix("content-length:") }
      .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) }
    return text[end.upperBound...].utf8.count >= length ?? 0 ? text : nil
  }

  /// Returns whether the connection took all of it.
  @discardableResult
  private func send(_ bytes: [UInt8], _ connection: Int32) -> Bool {
    Glibc.send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
  }
}
