import Foundation
import Yams

/// The API's description in OpenAPI 3.1, which is written in docs/openapi.yaml and nowhere else.
public enum APIDocument {
  /// docs/openapi.yaml as it was when the program was built.
  public static let yaml = PackageResources.openapi_yaml

  private static let converted = Result {
    try JSONText(yaml: String(decoding: yaml, as: UTF8.self))
  }

  /// The same as JSON, its members in the file's order. Converted once in a process, in some milliseconds.
  ///
  /// Throws only where the file is not what `JSONText` reads, which a test excludes.
  public static func json() throws -> [UInt8] {
    Array(try converted.get().text.utf8)
  }
}

/// JSON made of the part of YAML that means the same to every reader: the scalars of JSON stand for themselves, any other
/// text is a string, and tags are not looked at.
struct JSONText {
  let text: String

  enum Fault: Error {
    /// A document without content, or a key that is no scalar.
    case notJSON
  }

  /// Throws what Yams throws for a text that is no YAML, and `Fault`.
  init(yaml: String) throws {
    guard let node = try Yams.compose(yaml: yaml) else { throw Fault.notJSON }
    text = try Self.text(of: node)
  }

  private static func text(of node: Node) throws -> String {
    switch node {
    case .scalar(let scalar):
      return try isLiteral(scalar) ? scalar.string : quoted(scalar.string)
    case .sequence(let elements):
      return "[" + (try elements.map(text(of:)).joined(separator: ",")) + "]"
    case .mapping(let members):
      let texts = try members.map { key, value in
        guard case .scalar(let name) = key else { throw Fault.notJSON }
        return "\(try quoted(name.string)):\(try text(of: value))"
      }
      return "{" + texts.joined(separator: ",") + "}"
    default:
      throw Fault.notJSON
    }
  }

  /// YAML 1.1 also takes `yes`, `0o17` and `1:30` for something else than text.
  private static func isLiteral(_ scalar: Node.Scalar) -> Bool {
    guard scalar.style == .plain else { return false }
    let number = /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/
    return ["null", "true", "false"].contains(scalar.string)
      || scalar.string.wholeMatch(of: number) != nil
  }

  private static func quoted(_ text: String) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return String(decoding: try encoder.encode(text), as: UTF8.self)
  }
}
