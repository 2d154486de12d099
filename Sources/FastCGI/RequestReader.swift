/// Takes in the records of one request as they arrive (FastCGI specification, sections 3.3 and 5), and lets nothing
/// through that no web server sends.
///
/// libfcgi gets to see the result only. Left to itself it overflows its stack on management records, allocates whatever
/// length a parameter claims, takes parameters that were cut off for complete ones, and holds its thread until the last
/// byte is there.
struct RequestReader {
  enum Progress {
    case incomplete
    /// The request is there, or more of its body than it may have.
    case complete
    /// Not a request to a responder, or one that is too large.
    case refused
  }

  private enum RecordType: UInt8 {
    case beginRequest = 1
    case parameters = 4
    case body = 5
  }

  /// The eight bytes at the start of every record.
  private struct RecordHeader {
    let version: UInt8
    let type: UInt8
    let requestID: UInt16
    let contentSize: Int
    let paddingSize: Int

    /// `bytes` are at least eight.
    init(_ bytes: ArraySlice<UInt8>) {
      let start = bytes.startIndex
      version = bytes[start]
      type = bytes[start + 1]
      requestID = UInt16(bytes[start + 2]) << 8 | UInt16(bytes[start + 3])
      contentSize = Int(bytes[start + 4]) << 8 | Int(bytes[start + 5])
      paddingSize = Int(bytes[start + 6])
    }
  }

  private enum Stage {
    case begin, parameters, body, complete
  }

  private static let version: UInt8 = 1
  private static let responderRole: UInt16 = 1
  private static let headerSize = 8
  /// Fits one record. Web servers limit headers to about half of it.
  static let maximumParametersSize = 65_535

  private let bodyLimit: Int
  private var stage = Stage.begin
  private var requestID: UInt16 = 0
  private var parameters: [UInt8] = []
  /// What has arrived of a record that is not complete yet.
  private var unread: [UInt8] = []

  /// The body, as far as it has arrived.
  private(set) var body: [UInt8] = []
  /// Whether the body is longer than the limit; it is then not read to its end.
  private(set) var isBodyTooLarge = false

  /// `bodyLimit`: in bytes.
  init(bodyLimit: Int) {
    self.bodyLimit = bodyLimit
  }

  /// Whether nothing has arrived.
  var isEmpty: Bool { stage == .begin && unread.isEmpty }

  mutating func take(_ bytes: some Sequence<UInt8>) -> Progress {
    unread.append(contentsOf: bytes)
    var start = 0
    defer { unread.removeFirst(start) }
    while stage != .complete, unread.count - start >= Self.headerSize {
      let header = RecordHeader(unread[start...])
      guard let type = accepted(header) else { return .refused }
      let content = start + Self.headerSize
      let end = content + header.contentSize + header.paddingSize
      guard end <= unread.count else { return .incomplete }
      guard add(unread[content..<(content + header.contentSize)], of: type, header) else {
        return .refused
      }
      start = end
    }
    return stage == .complete ? .complete : .incomplete
  }

  /// The type of a record, if such a record may come now.
  private func accepted(_ header: RecordHeader) -> RecordType? {
    guard header.version == Self.version, let type = RecordType(rawValue: header.type) else {
      return nil
    }
    switch (stage, type) {
    // The id 0 is for management records (section 3.3), which no web server sends.
    case (.begin, .beginRequest):
      return header.requestID != 0 && header.contentSize == 8 ? type : nil
    case (.parameters, .parameters), (.body, .body):
      return header.requestID == requestID ? type : nil
    default: return nil
    }
  }

  /// Adds a record's content. Returns false if it is not acceptable.
  private mutating func add(
    _ content: ArraySlice<UInt8>, of type: RecordType, _ header: RecordHeader
  ) -> Bool {
    switch type {
    case .beginRequest:
      requestID = header.requestID
      stage = .parameters
      let role = content.prefix(2).reduce(0) { $0 << 8 | UInt16($1) }
      return role == Self.responderRole
    case .parameters:
      parameters += content
      guard content.isEmpty else { return parameters.count <= Self.maximumParametersSize }
      stage = .body
      return Self.arePairs(parameters)
    case .body:
      body += content
      isBodyTooLarge = body.count > bodyLimit
      if content.isEmpty || isBodyTooLarge { stage = .complete }
      return true
    }
  }

  /// Whether the bytes are names and values from the first to the last (section 3.4).
  private static func arePairs(_ bytes: [UInt8]) -> Bool {
    var position = 0
    func size() -> Int? {
      guard position < bytes.count else { return nil }
      guard bytes[position] & 0x80 != 0 else {
        defer { position += 1 }
        return Int(bytes[position])
      }
      guard position + 4 <= bytes.count else { return nil }
      defer { position += 4 }
      return bytes[position..<(position + 4)].reduce(0) { $0 << 8 | Int($1) } & 0x7FFF_FFFF
    }
    while position < bytes.count {
      guard let name = size(), let value = size() else { return false }
      position += name + value
    }
    return position == bytes.count
  }

  /// The beginning of the request and its parameters, written anew for libfcgi. Without the flag that asks to keep the
  /// connection.
  var head: [UInt8] {
    let begin = record(.beginRequest, [0, UInt8(Self.responderRole), 0, 0, 0, 0, 0, 0])
    let parameters = parameters.isEmpty ? [] : record(.parameters, parameters)
    return begin + parameters + record(.parameters, [])
  }

  private func record(_ type: RecordType, _ content: [UInt8]) -> [UInt8] {
    let (id, size) = (requestID, content.count)
    return [
      Self.version, type.rawValue, UInt8(id >> 8), UInt8(id & 0xFF), UInt8(size >> 8),
      UInt8(size & 0xFF), 0, 0,
    ] + content
  }
}
