import Foundation
import StrictJSON

/// The JSON reader, against Foundation's and against itself.
enum JSONTarget {
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  static func check(_ input: [UInt8]) {
    let value: JSONValue
    do { value = try JSONValue(parsing: input) } catch {
      checkRefusal(of: input, error)
      return
    }
    let limits = JSONValue.Limits()
    let size = Size(of: value)
    guard size.depth <= limits.depth, size.values <= limits.values else {
      violated("what is read is within the limits")
    }
    guard hasUniqueNames(value) else { violated("no object has the same name twice") }
    guard let foundation = foundationValue(input) else { violated("Foundation accepts it too") }
    guard isSame(value, foundation) || !isComparable(input) else {
      violated("Foundation reads the same")
    }
    guard (try? JSONValue(parsing: text(of: value))) == value else {
      violated("the value, written and read again, is the same")
    }
    checkLimits(input, value, size)
  }

  /// Foundation is laxer: it also takes a comma before a closing bracket, a byte order mark, and UTF-16 and UTF-32 by
  /// their zero bytes. Whatever else it reads is JSON and must not be a syntax error to us.
  private static func checkRefusal(of input: [UInt8], _ error: JSONError) {
    guard case .syntax(let offset) = error else { return }
    guard (0...input.count).contains(offset) else { violated("an error is where the text is") }
    let significant = input.filter { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    let isLax = zip(significant, significant.dropFirst()).contains { first, second in
      first == UInt8(ascii: ",") && (second == UInt8(ascii: "]") || second == UInt8(ascii: "}"))
    }
    guard !isLax, !input.contains(0), !input.starts(with: byteOrderMark),
      foundationValue(input) != nil
    else { return }
    violated("what Foundation accepts is not a syntax error")
  }

  /// The limits, and nothing else, decide over what is JSON: so narrow that inputs often meet them.
  private static func checkLimits(_ input: [UInt8], _ value: JSONValue, _ size: Size) {
    let narrow = JSONValue.Limits(depth: 2, values: 12)
    let fits = size.depth <= narrow.depth && size.values <= narrow.values
    guard (try? JSONValue(parsing: input, limits: narrow)) == (fits ? value : nil) else {
      violated("limits refuse what exceeds them and only that")
    }
  }

  private struct Size {
    var depth = 0
    var values = 1

    init(of value: JSONValue) {
      guard let inner = value.array ?? value.object?.members.map(\.value) else { return }
      let sizes = inner.map { Size(of: $0) }
      depth = 1 + (sizes.map(\.depth).max() ?? 0)
      values += sizes.map(\.values).reduce(0, +)
    }
  }

  private static func hasUniqueNames(_ value: JSONValue) -> Bool {
    if let elements = value.array { return elements.allSatisfy(hasUniqueNames) }
    guard let members = value.object?.members else { return true }
    return Set(members.map { Array($0.name.utf8) }).count == members.count
      && members.allSatisfy { hasUniqueNames($0.value) }
  }

  /// Whether Foundation reads the text as it was written: it drops a byte order mark at the beginning of a string.
  static func isComparable(_ input: [UInt8]) -> Bool {
    !input.contains(byteOrderMark)
  }

  static func foundationValue(_ input: [UInt8]) -> Any? {
    try? JSONSerialization.jsonObject(with: Data(input), options: .fragmentsAllowed)
  }

  private static func isSame(_ value: JSONValue, _ other: Any) -> Bool {
    switch value {
    case .null: return other is NSNull
    case .bool(let bool): return other as? Bool == bool
    case .integer(let integer): return (other as? NSNumber)?.int64Value == integer
    case .double(let double):
      // Of more than 17 digits Foundation makes a decimal number, whose conversion is not exact.
      guard let number = (other as? NSNumber)?.doubleValue else { return false }
      return number == double
        || other is NSDecimalNumber && abs(number - double) <= abs(double) * 1e-14
    case .string(let text): return (other as? String)?.hasSameUTF8(as: text) == true
    case .array(let elements):
      guard let others = other as? [Any], others.count == elements.count else { return false }
      return zip(elements, others).allSatisfy(isSame)
    case .object(let object):
      guard let others = other as? [String: Any] else { return false }
      // A dictionary takes canonically equivalent names for one: there it cannot tell.
      guard others.count == object.members.count else {
        return Set(object.members.map(\.name)).count == others.count
      }
      return object.members.allSatisfy { member in
        others[member.name].map { isSame(member.value, $0) } == true
      }
    }
  }

  /// A JSON text of the value.
  private static func text(of value: JSONValue) -> [UInt8] {
    switch value {
    case .null: Array("null".utf8)
    case .bool(let bool): Array("\(bool)".utf8)
    case .integer(let integer): Array("\(integer)".utf8)
    case .double(let double): Array("\(double)".utf8)
    case .string(let string): text(of: string)
    case .array(let elements):
      Array("[".utf8) + elements.map(text).joined(separator: Array(", ".utf8)) + Array("]".utf8)
    case .object(let object):
      Array("{".utf8)
        + object.members.map { text(of: $0.name) + Array(": ".utf8) + text(of: $0.value) }
        .joined(separator: Array(", ".utf8)) + Array("}".utf8)
    }
  }

  /// Every UTF-16 unit as an escape: whatever was read raw is now read the other way.
  private static func text(of string: String) -> [UInt8] {
    let escapes = string.utf16.map { unit in
      let digits = String(unit, radix: 16)
      return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
    return Array("\"\(escapes.joined())\"".utf8)
  }
}
