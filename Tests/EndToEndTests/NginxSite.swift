import Foundation
import Testing

/// nginx's files as they are installed on a server, and the edits that an admin, or a test, makes to them.
struct NginxSite {
  static let name = "runner-token-service.conf"
  /// The texts of the site file and of what it includes, by name.
  private(set) var files: [String: String]

  init(in directory: String) throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: directory)
    files = try Dictionary(
      uniqueKeysWithValues: names.filter { $0.hasSuffix(".conf") }.map {
        ($0, try String(contentsOfFile: directory + "/" + $0, encoding: .utf8))
      })
  }

  /// Replaces a text wherever it stands in a file. It must be there.
  mutating func replace(_ old: String, with new: String, in file: String = name) throws {
    let text = try #require(files[file], "there is no \(file)")
    try #require(text.contains(old), "\(file) has no \(old)")
    files[file] = text.replacing(old, with: new)
  }

  /// Does what the site file tells admins to do: takes the # from those lines of a block that have no space after it. `title`
  /// is in the comment above them. Returns the lines, without the #.
  @discardableResult
  mutating func switchOn(_ title: String, in file: String = name) throws -> [String] {
    var lines = try #require(files[file]).components(separatedBy: "\n")
    let start = try #require(lines.firstIndex { $0.contains(title) }, "no block \(title)")
    func isOff(_ line: String) -> Bool {
      line.wholeMatch(of: /\s*#\S.*/) != nil
    }
    let first = try #require(lines[start...].firstIndex(where: isOff))
    let block = lines[first...].prefix(while: isOff).map {
      $0.replacing("#", with: "", maxReplacements: 1)
    }
    lines.replaceSubrange(first..<(first + block.count), with: block)
    files[file] = lines.joined(separator: "\n")
    return block
  }

  /// Takes this machine out of the limits.
  mutating func liftLimits() throws {
    try switchOn("Addresses without limits")
    try replace("192.0.2.64/26", with: "127.0.0.0/8")
  }

  /// Writes all files to a directory, which is made.
  func write(to directory: String) throws {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: false)
    for (name, text) in files {
      try text.write(toFile: directory + "/" + name, atomically: true, encoding: .utf8)
    }
  }
}
