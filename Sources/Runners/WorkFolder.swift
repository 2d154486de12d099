/// Where a JIT runner keeps its jobs' files, relative to its own directory: 1–255 ASCII letters, digits, `.`, `_`, `-` and
/// `/`. It begins neither with `/` nor with `-` and has no segment `..`, so that it stays below that directory.
public struct WorkFolder: Sendable, Hashable, CustomStringConvertible {
  /// In characters, which are bytes.
  public static let maximumLength = 255
  /// What it is called where a request names none; GitHub's own default.
  public static let standard = WorkFolder(unchecked: "_work")

  public let description: String

  private init(unchecked text: String) {
    description = text
  }

  /// nil for text that is no work folder.
  public init?(_ text: String) {
    let segments = text.utf8.split(separator: UInt8(ascii: "/"))
    guard (1...Self.maximumLength).contains(text.utf8.count), !text.hasPrefix("/"),
      NameCharacters.areAllowed(text.replacing("/", with: "_")),
      !segments.contains(where: { $0.elementsEqual("..".utf8) })
    else { return nil }
    self.init(unchecked: text)
  }
}
