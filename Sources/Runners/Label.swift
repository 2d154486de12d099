/// A runner label: 1–256 ASCII letters, digits, `.`, `_` and `-`, not beginning with `-`. Equal without regard to case, as
/// at GitHub; keeps the spelling that it came with.
public struct Label: Sendable, Hashable, CustomStringConvertible {
  /// In characters, which are bytes.
  public static let maximumLength = 256
  /// For people.
  public static let rule = "1 to \(maximumLength) of A-Z a-z 0-9 . _ -, not beginning with -"
  /// How many a runner may have at most; GitHub's own limit.
  public static let maximumCount = 100

  public let description: String

  init(unchecked text: String) {
    description = text
  }

  /// nil for text that is no label.
  public init?(_ text: String) {
    guard (1...Self.maximumLength).contains(text.utf8.count), NameCharacters.areAllowed(text) else {
      return nil
    }
    description = text
  }

  private var folded: String { description.lowercased() }

  public static func == (left: Label, right: Label) -> Bool { left.folded == right.folded }

  public func hash(into hasher: inout Hasher) { hasher.combine(folded) }

  /// The labels in their order, each once, in its first spelling.
  public static func withoutDuplicates(_ labels: [Label]) -> [Label] {
    var seen: Set<Label> = []
    return labels.filter { seen.insert($0).inserted }
  }
}
