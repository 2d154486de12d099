/// What names and labels are made of.
enum NameCharacters {
  /// ASCII letters and digits, `.`, `_` and `-`, the last not as the first: `config.sh` would take such a name for an
  /// option.
  static func areAllowed(_ text: String) -> Bool {
    !text.hasPrefix("-")
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
          UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }
}

/// The name of a runner: 1–64 ASCII letters, digits, `.`, `_` and `-`, not beginning with `-`. GitHub compares names without
/// regard to case.
public struct RunnerName: Sendable, Hashable, CustomStringConvertible {
  /// In characters, which are bytes: GitHub's own limit.
  public static let maximumLength = 64

  public let description: String

  /// nil for text that is no runner name. `.` and `..` are none, because no path could name them.
  public init?(_ text: String) {
    guard (1...Self.maximumLength).contains(text.utf8.count), NameCharacters.areAllowed(text),
      text != ".", text != ".."
    else { return nil }
    description = text
  }
}

/// What a generated name begins with: followed by `-` and six random hex digits it is a runner name.
public struct RunnerNamePrefix: Sendable, Hashable, CustomStringConvertible {
  /// So that the generated name fits into 64 characters.
  public static let maximumLength = RunnerName.maximumLength - 7

  public let description: String

  /// nil for text that cannot begin a runner name.
  public init?(_ text: String) {
    guard (1...Self.maximumLength).contains(text.utf8.count), NameCharacters.areAllowed(text) else {
      return nil
    }
    description = text
  }

  /// A name with this prefix and a random end.
  public func makeName(using generator: inout some RandomNumberGenerator) -> RunnerName? {
    let number = UInt32.random(in: 0..<(1 << 24), using: &generator)
    let digits = String(number, radix: 16)
    return RunnerName(description + "-" + String(repeating: "0", count: 6 - digits.count) + digits)
  }
}
