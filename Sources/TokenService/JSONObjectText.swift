import Foundation
import Runners

/// A flat JSON object that is written member by member, for what is answered most. Foundation's encoder makes a tree of it
/// first, which was a quarter of what a list of runners cost.
///
/// Whoever adds the members in the order of their names has the bytes that `JSONBody.encode` makes.
struct JSONObjectText {
  private var bytes: [UInt8] = [UInt8(ascii: "{")]

  init() {
    // More than a runner has.
    bytes.reserveCapacity(640)
  }

  /// null where there is no text.
  mutating func add(_ name: String, _ text: String?) throws {
    begin(name)
    if let text { try write(text) } else { bytes += "null".utf8 }
  }

  mutating func add(_ name: String, _ texts: [String]) throws {
    begin(name)
    bytes.append(UInt8(ascii: "["))
    for (index, text) in texts.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      try write(text)
    }
    bytes.append(UInt8(ascii: "]"))
  }

  /// null where there is no number.
  mutating func add(_ name: String, _ number: Int64?) {
    begin(name)
    bytes += (number.map { String($0) } ?? "null").utf8
  }

  mutating func add(_ name: String, _ isTrue: Bool) {
    begin(name)
    bytes += (isTrue ? "true" : "false").utf8
  }

  /// With its end. Nothing can be added any more.
  consuming func finished() -> [UInt8] {
    bytes.append(UInt8(ascii: "}"))
    return bytes
  }

  private mutating func begin(_ name: String) {
    if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
    bytes.append(UInt8(ascii: "\""))
    bytes += name.utf8
    bytes += "\":".utf8
  }

  /// Escaping is the library's.
  private mutating func write(_ text: String) throws {
    if text.isPlainInJSON {
      bytes.append(UInt8(ascii: "\""))
      bytes += text.utf8
      bytes.append(UInt8(ascii: "\""))
    } else {
      bytes += try JSONBody.encoder().encode(text)
    }
  }
}
