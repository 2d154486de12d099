/// An entry of a policy's list of labels.
public enum AllowedLabel: Sendable, Hashable, CustomStringConvertible {
  /// `*`: every label but those of GitHub's hosted runners.
  case any
  /// This label, whatever the case. The only entry that allows a label of GitHub's hosted runners.
  case exactly(Label)

  /// For people.
  public static let rule = "* or \(Label.rule)"

  /// `*` or a label; nil for other text, which could never be asked for.
  public init?(_ text: String) {
    if text == "*" {
      self = .any
    } else if let label = Label(text) {
      self = .exactly(label)
    } else {
      return nil
    }
  }

  public var description: String {
    switch self {
    case .any: "*"
    case .exactly(let label): label.description
    }
  }
}
