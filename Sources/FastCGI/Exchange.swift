import CFastCGI
import Glibc

/// One request and its answer over libfcgi. Each thread has one and uses it again and again.
///
/// libfcgi speaks the protocol and nothing more: it neither accepts connections nor decides when they end, because its
/// own ways of doing so spin, linger and close descriptors that are no longer its own.
final class Exchange {
  private let request: UnsafeMutablePointer<FCGX_Request>

  /// Call `initializeLibrary` once before.
  init() {
    request = .allocate(capacity: 1)
    request.initialize(to: FCGX_Request())
    FCGX_InitRequest(request, -1, FCGI_FAIL_ACCEPT_ON_INTR)
  }

  deinit {
    request.deinitialize(count: 1)
    request.deallocate()
  }

  /// Prepares libfcgi for this process; on the main thread, before others exist.
  static func initializeLibrary() throws {
    // Its close waits this long (ms) for the peer to hang up, time and again while bytes trickle in.
    setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1)
    guard FCGX_Init() == 0 else { throw SystemCallError("FCGX_Init", code: EIO) }
    // It has put handlers of its own on these, which set a flag that we never look at.
    signal(SIGPIPE, SIG_IGN)
    for number in [SIGTERM, SIGUSR1] { signal(number, SIG_DFL) }
  }

  /// Reads the head of the request on `connection`: nil if the peer broke off or does not keep to the protocol.
  /// libfcgi gets a duplicate of the descriptor, because it closes what it was given when reading fails.
  func begin(_ connection: Int32) -> Parameters? {
    guard let duplicate = Self.duplicate(connection) else { return nil }
    request.pointee.ipcFd = duplicate
    // So that FCGX_Accept_r, which finishes the previous request first, leaves this descriptor open.
    request.pointee.keepConnection = 1
    guard FCGX_Accept_r(request) == 0 else { return nil }
    // Never believe the peer on this: what it left unread would be parsed as the next request.
    request.pointee.keepConnection = 0
    // libfcgi takes a stream that breaks between two parameters for one that ends there.
    guard FCGX_GetError(request.pointee.in) == 0 else {
      release()
      return nil
    }
    return parameters()
  }

  /// Waits a moment where no descriptor is left: nothing of the request has been read, so it is not lost yet.
  private static func duplicate(_ descriptor: Int32) -> Int32? {
    for _ in 0..<100 {
      let duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
      if duplicate >= 0 { return duplicate }
      usleep(10_000)
    }
    return nil
  }

  private func parameters() -> Parameters {
    var pairs: [(name: String, value: String)] = []
    var next = request.pointee.envp
    while let entry = next?.pointee {
      let bytes = UnsafeRawBufferPointer(start: entry, count: strlen(entry))
      if let equals = bytes.firstIndex(of: UInt8(ascii: "=")) {
        let name = String(decoding: bytes[..<equals], as: UTF8.self)
        let value = String(decoding: bytes[(equals + 1)...], as: UTF8.self)
        pairs.append((name, value))
      }
      next = next?.successor()
    }
    return Parameters(pairs)
  }

  /// Reads the body. libfcgi does not compare its length with `CONTENT_LENGTH`, so this does.
  func body(announced: String?, limit: Int) -> Request.Body {
    guard let announced, !announced.isEmpty else { return readBody(count: 0, limit: limit) }
    // Digits only (RFC 3875 section 4.1.2); Int would take a sign too.
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard announced.utf8.allSatisfy(digits.contains), let count = Int(announced) else {
      return .malformed
    }
    guard count <= limit else { return .tooLarge(limit: limit) }
    return readBody(count: count, limit: limit)
  }

  private func readBody(count: Int, limit: Int) -> Request.Body {
    // One byte more than announced, to notice a body that is too long.
    var bytes = [UInt8](repeating: 0, count: count + 1)
    let received = bytes.withUnsafeMutableBytes { buffer in
      FCGX_GetStr(buffer.baseAddress, Int32(buffer.count), request.pointee.in)
    }
    guard received == count, FCGX_GetError(request.pointee.in) == 0 else { return .malformed }
    bytes.removeLast()
    return .complete(bytes)
  }

  /// Sends the answer and ends the request. Returns whether the web server took all of it.
  func finish(with response: Response) -> Bool {
    let bytes = response.serialized
    let written = bytes.withUnsafeBytes { buffer in
      FCGX_PutStr(buffer.baseAddress, Int32(buffer.count), request.pointee.out)
    }
    // The error stream first: the end of the request is written when its last stream is closed.
    let isErrorStreamClosed = FCGX_FClose(request.pointee.err) == 0
    let isOutputClosed = FCGX_FClose(request.pointee.out) == 0
    release()
    return written == bytes.count && isErrorStreamClosed && isOutputClosed
  }

  private func release() {
    FCGX_Free(request, 0)
    Glibc.close(request.pointee.ipcFd)
    request.pointee.ipcFd = -1
  }
}
