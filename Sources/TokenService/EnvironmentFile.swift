import Foundation

/// A file with a variable a line, `NAME=value`, as systemd reads it too. Empty lines and those that begin with `#` say nothing.
public struct EnvironmentFile: Sendable, Equatable {
  /// Every line that is none of these, by its number.
  public struct Faults: Error, Sendable, Equatable, CustomStringConvertible {
    /// Never with what stands in the line, which may be a secret.
    public let lines: [String]

    public var description: String { lines.joined(separator: "\n") }
  }

  private struct Line: Equatable {
    let text: String
    /// nil for a comment.
    let name: String?
    let value: String
  }

  private var lines: [Line]

  /// Throws where a line is not `NAME=value`, and where a name stands twice: readers differ in which of the two they take.
  public init(parsing text: String) throws(Faults) {
    var lines: [Line] = []
    var faults: [String] = []
    var firstLines: [String: Int] = [:]
    for (index, text) in Self.split(text).enumerated() {
      guard let line = Self.line(text) else {
        faults.append("line \(index + 1) is not NAME=value; a comment begins with #")
        continue
      }
      if let name = line.name {
        if let first = firstLines[name] {
          faults.append("line \(index + 1) sets \(name) once more, after line \(first)")
        }
        firstLines[name] = firstLines[name] ?? index + 1
      }
      lines.append(line)
    }
    guard faults.isEmpty else { throw Faults(lines: faults) }
    self.lines = lines
  }

  /// An empty file.
  public init() {
    lines = []
  }

  /// What it sets, as it stands there: quotes are the reader's to take off.
  public var variables: [String: String] {
    Dictionary(
      lines.compactMap { line in line.name.map { ($0, line.value) } }, uniquingKeysWith: { $1 })
  }

  /// The whole file.
  public var text: String { lines.map { $0.text + "\n" }.joined() }

  /// Sets a variable: where it stands, else at the end. Everything else stays as it is.
  /// A value that stands there already, with its quotes if it has any, stays as it is.
  /// - Parameters:
  ///   - name: of the variable.
  ///   - value: of one line. It is put in quotes where a reader would take off its own.
  public mutating func set(_ name: String, to value: String) {
    let written = Self.quotedIfNeeded(value)
    let line = Line(text: "\(name)=\(written)", name: name, value: written)
    if let index = lines.firstIndex(where: { $0.name == name }) {
      guard lines[index].value != value else { return }
      lines[index] = line
    } else {
      lines.append(line)
    }
  }

  private static func quotedIfNeeded(_ value: String) -> String {
    guard value.count >= 2, let first = value.first, first == value.last, "\"'".contains(first)
    else { return value }
    return first == "'" ? "\"\(value)\"" : "'\(value)'"
  }

  private static func split(_ text: String) -> [Substring] {
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }

  /// nil for what is neither a variable nor a comment.
  private static func line(_ text: Substring) -> Line? {
    let trimmed = text.trimmingCharacters(in: .whitespaces)
    if trimmed.isEmpty || trimmed.hasPrefix("#") {
      return Line(text: String(text), name: nil, value: "")
    }
    guard let separator = trimmed.firstIndex(of: "=") else { return nil }
    let name = trimmed[..<separator].trimmingCharacters(in: .whitespaces)
    guard isName(name) else { return nil }
    let value = trimmed[trimmed.index(after: separator)...].trimmingCharacters(in: .whitespaces)
    return Line(text: String(text), name: name, value: value)
  }

  private static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
    else { return false }
    return text.utf8.allSatisfy { byte in
      byte == UInt8(ascii: "_") || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
  }
}
