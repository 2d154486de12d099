import Testing

@testable import FastCGI

/// Without a socket: what is let through to libfcgi.
@Suite struct RequestReaderTests {
  private let request = Record.post(Array("body".utf8))

  private func read(_ bytes: [UInt8]) -> (RequestReader, RequestReader.Progress) {
    var reader = RequestReader(bodyLimit: 100)
    let progress = reader.take(bytes)
    return (reader, progress)
  }

  @Test func `a request is complete with its last byte, however it is cut`() {
    for size in 1...request.count {
      var reader = RequestReader(bodyLimit: 100)
      var progress = RequestReader.Progress.incomplete
      for start in stride(from: 0, to: request.count, by: size) {
        #expect(progress == .incomplete)
        progress = reader.take(request[start..<min(start + size, request.count)])
      }
      #expect(progress == .complete)
      #expect(reader.body == Array("body".utf8))
    }
  }

  @Test func `no beginning of a request is one`() {
    for size in 0..<request.count {
      let (reader, progress) = read(Array(request.prefix(size)))
      #expect(progress == .incomplete)
      #expect(reader.isEmpty == (size == 0))
    }
  }

  @Test func `padding and records of any size make no difference to the head`() {
    let parameters = Record.pairs([("A", "b"), ("C", "d")])
    let inPieces = parameters.flatMap { Record.encode(Record.params, [$0], padding: 7) }
    let (whole, _) = read(
      Record.begin() + Record.stream(Record.params, parameters) + Record.stream(Record.stdin, []))
    let (pieces, progress) = read(
      Record.begin() + inPieces + Record.encode(Record.params) + Record.stream(Record.stdin, []))
    #expect(progress == .complete)
    #expect(pieces.head == whole.head)
  }

  @Test func `the wish to keep the connection does not reach libfcgi`() {
    let (reader, _) = read(Record.request([("A", "b")], keepConnection: true))
    #expect(reader.head[10] == 0)
    #expect(reader.head == read(Record.request([("A", "b")])).0.head)
  }

  @Test func `a body of the limit is read and a longer one is not read to its end`() {
    let (fitting, _) = read(Record.post([UInt8](repeating: 1, count: 100)))
    #expect(!fitting.isBodyTooLarge)
    let (long, progress) = read(
      Array(Record.post([UInt8](repeating: 1, count: 101)).dropLast(8)))
    #expect(progress == .complete)
    #expect(long.isBodyTooLarge)
  }

  @Test(arguments: [
    Record.encode(Record.getValues, id: 0), Record.encode(Record.abortRequest),
    Record.begin(id: 0), Record.begin(role: 2), Record.encode(1, [0, 1, 0, 0, 0, 0, 0]),
    Record.encode(1, [0, 1, 0, 0, 0, 0, 0, 0], version: 2), Record.encode(Record.params),
    Record.begin() + Record.begin(), Record.begin() + Record.encode(Record.stdin),
    Record.begin() + Record.encode(Record.params, id: 2),
    Record.begin() + Record.encode(Record.abortRequest),
    Record.begin() + Record.encode(Record.getValues, id: 0),
    Record.begin() + Record.stream(Record.params, []) + Record.encode(Record.params),
  ])
  func `what no web server sends is refused`(bytes: [UInt8]) {
    #expect(read(bytes).1 == .refused)
  }

  /// libfcgi would allocate what these claim, or take them for complete.
  @Test(
    arguments: [
      [1], [1, 1], [1, 1, 65], [0x80], [0x80, 0, 0, 0], [1, 0x80, 0, 0],
      [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 65],
    ] as [[UInt8]])
  func `parameters that claim more than is there are refused`(parameters: [UInt8]) {
    let bytes = Record.begin() + Record.stream(Record.params, parameters)
    #expect(read(bytes).1 == .refused)
  }

  @Test func `parameters may have 64 KiB and no more`() {
    func parameters(_ size: Int) -> [UInt8] {
      Record.pair([65], [UInt8](repeating: 66, count: size - 6))
    }
    let limit = RequestReader.maximumParametersSize
    let end = Record.stream(Record.stdin, [])
    #expect(
      read(Record.begin() + Record.stream(Record.params, parameters(limit)) + end).1 == .complete)
    #expect(
      read(Record.begin() + Record.stream(Record.params, parameters(limit + 1)) + end).1
        == .refused)
  }
}
