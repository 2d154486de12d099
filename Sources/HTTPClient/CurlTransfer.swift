import CCurl
import Foundation

/// One request and its answer on a libcurl handle.
struct CurlTransfer {
  let handle: UnsafeMutableRawPointer
  let isCancelled: @Sendable () -> Bool

  /// What the answer's bytes are gathered in while libcurl calls back.
  private final class Received {
    private(set) var headers: [(name: String, value: String)] = []
    private(set) var body: [UInt8] = []
    private(set) var isOverLimit = false
    private let bodyLimit: Int
    let isCancelled: () -> Bool
    /// Of all header lines: those of interim answers and trailers too, of which there may be any number.
    private var remainingHeaderSize = 65_536

    init(bodyLimit: Int, isCancelled: @escaping () -> Bool) {
      self.bodyLimit = bodyLimit
      self.isCancelled = isCancelled
    }

    /// Returns whether there was room for the bytes.
    func addBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
      isOverLimit = bytes.count > bodyLimit - body.count
      if !isOverLimit { body.append(contentsOf: bytes) }
      return !isOverLimit
    }

    /// Returns whether there was room for the line.
    func addHeaderLine(_ bytes: UnsafeRawBufferPointer) -> Bool {
      isOverLimit = bytes.count > remainingHeaderSize
      guard !isOverLimit else { return false }
      remainingHeaderSize -= bytes.count
      addHeader(String(decoding: bytes, as: UTF8.self))
      return true
    }

    /// RFC 9110 section 5.6.3, and the end of the line.
    private static func isSpace(_ byte: UInt8) -> Bool {
      [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n")].contains(byte)
    }

    /// A status line starts anew: what came before belonged to an interim answer.
    private func addHeader(_ line: String) {
      if line.hasPrefix("HTTP/") {
        headers = []
        return
      }
      guard let colon = line.firstIndex(of: ":") else { return }
      var value = line.utf8[colon...].dropFirst().drop(while: Self.isSpace)
      while let last = value.last, Self.isSpace(last) { value.removeLast() }
      headers.append((name: line[..<colon].lowercased(), value: String(Substring(value))))
    }
  }

  func perform(_ request: HTTPRequest) throws(HTTPClientError) -> HTTPResponse {
    let received = Received(bodyLimit: request.maximumResponseSize, isCancelled: isCancelled)
    var headers: UnsafeMutablePointer<curl_slist>?
    for header in request.headers {
      headers = curl_slist_append(headers, "\(header.name): \(header.value)")
    }
    defer { curl_slist_free_all(headers) }

    curl_easy_reset(handle)
    set(request)
    setTLS(request)
    shim_curl_set_list(handle, CURLOPT_HTTPHEADER, headers)
    let code = withExtendedLifetime(received) {
      let context = Unmanaged.passUnretained(received).toOpaque()
      setCallbacks(context: context)
      return send(request)
    }
    guard code == CURLE_OK else { throw error(code, request, received) }

    var status = 0
    shim_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
    return HTTPResponse(status: status, headers: received.headers, body: received.body)
  }

  private func set(_ request: HTTPRequest) {
    shim_curl_set_string(handle, CURLOPT_URL, request.url)
    // The URL rule has let this through; here https must stay https.
    shim_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
    // To where a token may go on is for the caller to decide. Nor is anything cached: libcurl has no cache of answers, so a
    // token that comes with `Cache-Control: max-age=60` is nevertheless asked for each time.
    shim_curl_set_long(handle, CURLOPT_FOLLOWLOCATION, 0)
    // Signals would reach other threads; libcurl then times out name resolution by itself.
    shim_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
    // libcurl repeats a request on no connection but one that it has used before.
    shim_curl_set_long(handle, CURLOPT_FRESH_CONNECT, request.isSentOnce ? 1 : 0)
    // Of the open connections that a handle keeps, dead ones among them. Fewer than the worker pool leaves a thread descriptors for.
    shim_curl_set_long(handle, CURLOPT_MAXCONNECTS, 3)
    // Name resolution has no timeout of its own; without this libcurl waits for it after the request's time is up.
    shim_curl_set_long(handle, CURLOPT_QUICK_EXIT, 1)
    // No proxy from the environment: it would see keys and tokens by the accident of a variable.
    shim_curl_set_string(handle, CURLOPT_PROXY, "")
    shim_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, request.connectTimeout.milliseconds)
    shim_curl_set_long(handle, CURLOPT_TIMEOUT_MS, request.totalTimeout.milliseconds)
    shim_curl_set_offset(
      handle, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(request.maximumResponseSize))
  }

  private func setTLS(_ request: HTTPRequest) {
    shim_curl_set_long(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
    shim_curl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 1)
    shim_curl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 2)
    guard let bundle = request.certificateBundle else { return }
    shim_curl_set_string(handle, CURLOPT_CAINFO, bundle)
    // The system's certificates are in a directory as well, which libcurl knows from its own build.
    shim_curl_set_string(handle, CURLOPT_CAPATH, nil)
    // Each new connection goes by what the file holds then. libcurl would remember its contents for a day, and a TLS session
    // that is resumed is not verified again.
    shim_curl_set_long(handle, CURLOPT_CA_CACHE_TIMEOUT, 0)
    shim_curl_set_long(handle, CURLOPT_SSL_SESSIONID_CACHE, 0)
  }

  private func setCallbacks(context: UnsafeMutableRawPointer) {
    shim_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
    shim_curl_set_write(handle, CURLOPT_WRITEFUNCTION) { data, size, count, context in
      guard let data, let context else { return 0 }
      let received = Unmanaged<Received>.fromOpaque(context).takeUnretainedValue()
      let bytes = UnsafeRawBufferPointer(start: data, count: size * count)
      return received.addBody(bytes) ? size * count : 0
    }
    shim_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
    shim_curl_set_write(handle, CURLOPT_HEADERFUNCTION) { data, size, count, context in
      guard let data, let context else { return 0 }
      let bytes = UnsafeRawBufferPointer(start: data, count: size * count)
      let received = Unmanaged<Received>.fromOpaque(context).takeUnretainedValue()
      return received.addHeaderLine(bytes) ? size * count : 0
    }
    shim_curl_set_long(handle, CURLOPT_NOPROGRESS, 0)
    shim_curl_set_pointer(handle, CURLOPT_XFERINFODATA, context)
    shim_curl_set_progress(handle) { context, _, _, _, _ in
      guard let context else { return 1 }
      return Unmanaged<Received>.fromOpaque(context).takeUnretainedValue().isCancelled() ? 1 : 0
    }
  }

  private func send(_ request: HTTPRequest) -> CURLcode {
    request.body.withUnsafeBytes { body in
      switch request.method {
      case .get:
        shim_curl_set_long(handle, CURLOPT_HTTPGET, 1)
      case .post:
        shim_curl_set_long(handle, CURLOPT_POST, 1)
        shim_curl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
        // Copied, and never null: a null pointer would make libcurl read standard input.
        if let data = body.baseAddress {
          shim_curl_set_pointer(
            handle, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: data))
        } else {
          shim_curl_set_string(handle, CURLOPT_COPYPOSTFIELDS, "")
        }
      case .delete:
        shim_curl_set_string(handle, CURLOPT_CUSTOMREQUEST, request.method.rawValue)
      }
      return curl_easy_perform(handle)
    }
  }

  private func error(
    _ code: CURLcode, _ request: HTTPRequest, _ received: Received
  ) -> HTTPClientError {
    let reason = String(cString: curl_easy_strerror(code))
    switch code {
    case CURLE_FILESIZE_EXCEEDED: return .responseTooLarge
    case CURLE_WRITE_ERROR where received.isOverLimit: return .responseTooLarge
    case CURLE_URL_MALFORMAT: return .urlNotAllowed
    case CURLE_OPERATION_TIMEDOUT: return .timedOut
    case CURLE_SSL_CACERT_BADFILE:
      let bundle = request.certificateBundle ?? "of the system"
      return .cannotConnect("the certificate bundle \(bundle) cannot be read or is not in PEM")
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR,
      CURLE_PEER_FAILED_VERIFICATION:
      return .cannotConnect(reason)
    default: return .broken(reason)
    }
  }
}

extension Duration {
  /// Rounded up, and never zero, which libcurl takes for no limit at all.
  fileprivate var milliseconds: Int {
    let (seconds, attoseconds) = components
    return max(1, Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000) + 1)
  }
}
