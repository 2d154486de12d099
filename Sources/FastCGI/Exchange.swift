import CFastCGI
import CLinux
import Glibc

/// One request and its answer over libfcgi. Each thread has one and uses it again and again.
///
/// libfcgi turns records into parameters and an answer into records, and nothing more: it neither accepts connections nor
/// reads from them nor decides when they end, because its own ways of doing so spin, linger, and close descriptors that
/// are no longer its own.
final class Exchange {
  private let request: UnsafeMutablePointer<FCGX_Request>
  /// A file in memory that the head of a request is passed to libfcgi in; -1 if there is none.
  private var head: Int32
  /// How many bytes that file may have.
  private var headSize = 0

  /// Call `initializeLibrary` once before.
  init() {
    request = .allocate(capacity: 1)
    request.initialize(to: FCGX_Request())
    head = Self.makeHead()
    FCGX_InitRequest(request, -1, FCGI_FAIL_ACCEPT_ON_INTR)
  }

  deinit {
    if head >= 0 { close(head) }
    request.deinitialize(count: 1)
    request.deallocate()
  }

  /// Prepares libfcgi for this process; on the main thread, before others exist.
  static func initializeLibrary() throws {
    guard FCGX_Init() == 0 else { throw SystemCallError("FCGX_Init", code: EIO) }
    // It has put handlers of its own on these, which set a flag that we never look at.
    signal(SIGPIPE, SIG_IGN)
    for number in [SIGTERM, SIGUSR1] { signal(number, SIG_DFL) }
  }

  /// Takes up the request that `reader` has read from `connection`: its parameters, or nil if libfcgi cannot read them
  /// or no memory is left.
  func begin(_ reader: RequestReader, on connection: Int32) -> Parameters? {
    guard write(reader.head) else { return nil }
    request.pointee.ipcFd = head
    // So that FCGX_Accept_r, which finishes the previous request first, leaves the file open.
    request.pointee.keepConnection = 1
    guard FCGX_Accept_r(request) == 0 else {
      // It has closed the file.
      head = -1
      return nil
    }
    // From here on libfcgi only writes.
    request.pointee.ipcFd = connection
    return parameters()
  }

  private func write(_ bytes: [UInt8]) -> Bool {
    if head < 0 { head = Self.makeHead() }
    let previousSize = headSize
    // Should only some of it get there.
    headSize = max(previousSize, bytes.count)
    guard head >= 0, pwrite(head, bytes, bytes.count, 0) == bytes.count,
      // Nothing of the request before stands behind this one. To empty the file for each would cost more than all the rest.
      bytes.count >= previousSize || ftruncate(head, bytes.count) == 0
    else { return false }
    headSize = bytes.count
    return lseek(head, 0, SEEK_SET) == 0
  }

  private static func makeHead() -> Int32 {
    memfd_create("fastcgi-request", shim_memfd_cloexec)
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

  /// Lets go of the request without a word to the web server, which goes on waiting for its answer.
  func abandon() {
    FCGX_Free(request, 0)
    request.pointee.ipcFd = -1
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
    FCGX_Free(request, 0)
    request.pointee.ipcFd = -1
    return written == bytes.count && isErrorStreamClosed && isOutputClosed
  }
}

extension Request.Body {
  /// The body that was read, if it is what `CONTENT_LENGTH` announced and within `limit` bytes.
  init(_ reader: RequestReader, announced: String?, limit: Int) {
    // Digits only (RFC 3875 section 4.1.2); Int would take a sign too.
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    let announced = announced.flatMap { $0.isEmpty ? nil : $0 } ?? "0"
    guard announced.utf8.allSatisfy(digits.contains), let count = Int(announced) else {
      self = .malformed
      return
    }
    if reader.isBodyTooLarge || max(count, reader.body.count) > limit {
      self = .tooLarge(limit: limit)
    } else {
      self = count == reader.body.count ? .complete(reader.body) : .malformed
    }
  }
}
