import CCurl
import Concurrency

/// libcurl handles that wait for their next request, each with its open connections. A handle is used by one thread at a
/// time.
final class CurlHandles: Sendable {
  private struct Handle: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer
  }

  /// Initialises libcurl once, before any thread uses it; `static let` is initialised once and for all.
  private static let isInitialized = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  private let idle = Locked<[Handle]>([])

  private let isCancelled: @Sendable () -> Bool

  init(isCancelled: @escaping @Sendable () -> Bool) {
    _ = Self.isInitialized
    self.isCancelled = isCancelled
  }

  deinit {
    idle.withLock { handles in
      for handle in handles { curl_easy_cleanup(handle.pointer) }
      handles = []
    }
  }

  func send(_ request: HTTPRequest) throws(HTTPClientError) -> HTTPResponse {
    let idleHandle = idle.withLock { $0.popLast() }
    guard let handle = idleHandle ?? curl_easy_init().map(Handle.init) else {
      throw .cannotConnect("libcurl could not be initialised")
    }
    defer { idle.withLock { $0.append(handle) } }
    return try CurlTransfer(handle: handle.pointer, isCancelled: isCancelled).perform(request)
  }
}
