import CTestSupport
import Foundation
import Glibc

/// A terminal with a test at its other end, for a program that asks questions.
public final class PseudoTerminal {
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// For the program: as its standard input and where it writes its questions.
  public let device: Int32
  private let master: Int32
  /// All that was shown so far.
  public private(set) var shown = ""

  public init() throws {
    master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard master >= 0, grantpt(master) == 0, unlockpt(master) == 0, let name = ptsname(master)
    else { throw Failure(description: "posix_openpt") }
    device = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard device >= 0 else { throw Failure(description: String(cString: name)) }
  }

  deinit {
    close(device)
    close(master)
  }

  /// Waits until a text is shown that was not before, for half a minute, and then types a line.
  public func answer(_ question: String, with line: String) throws {
    try expect(question)
    let bytes = Array((line + "\n").utf8)
    guard write(master, bytes, bytes.count) == bytes.count else {
      throw Failure(description: "cannot type")
    }
  }

  /// Waits until a text is shown behind what was expected before.
  public func expect(_ text: String) throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while .now < deadline {
      if let range = shown.range(of: text, range: place..<shown.endIndex) {
        place = range.upperBound
        return
      }
      readMore()
    }
    throw Failure(description: "'\(text)' was not shown, but: \(shown)")
  }

  private var offset = 0
  private var place: String.Index {
    get { shown.utf8.index(shown.startIndex, offsetBy: offset) }
    set { offset = shown.utf8.distance(from: shown.startIndex, to: newValue) }
  }

  private func readMore() {
    var ready = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
    guard poll(&ready, 1, 200) > 0 else { return }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = read(master, &buffer, buffer.count)
    if count > 0 { shown += String(decoding: buffer[..<count], as: UTF8.self) }
  }
}
