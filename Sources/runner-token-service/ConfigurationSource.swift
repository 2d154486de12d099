import Configuration
import Foundation
import Glibc
import TokenService

/// The environment, over a file.
struct ConfigurationSource {
  /// nil for `.env` in the working directory, which may be absent, and then the installed service's file.
  let envFile: String?

  /// Where the installed service has its configuration.
  static let installedFile = "/etc/runner-token-service/service.env"

  /// Why the file cannot be used.
  struct Unreadable: Error, CustomStringConvertible {
    let description: String
  }

  /// What the file sets, and what is set in all.
  struct Content {
    let file: EnvironmentFile
    let environment: [String: String]

    /// The names of the variables that the file and the environment set.
    var names: [String] { (Array(file.variables.keys) + environment.keys).sorted() }

    var reader: ConfigReader {
      ConfigReader(providers: [
        EnvironmentVariablesProvider(environmentVariables: environment),
        EnvironmentVariablesProvider(environmentVariables: file.variables),
      ])
    }
  }

  /// Throws `Unreadable` for a file that is named and not there, and for one with a line that is not `NAME=value`.
  func content() throws(Unreadable) -> Content {
    Content(file: try file(), environment: ProcessInfo.processInfo.environment)
  }

  private func file() throws(Unreadable) -> EnvironmentFile {
    if let envFile { return try Self.read(envFile) }
    if Self.exists(".env") {
      try Self.checkTrusted(".env")
      return try Self.read(".env")
    }
    return Self.exists(Self.installedFile) ? try Self.read(Self.installedFile) : EnvironmentFile()
  }

  private static func exists(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 || errno != ENOENT && errno != ENOTDIR
  }

  /// Root must not take its orders from a file that happens to lie where it works.
  private static func checkTrusted(_ path: String) throws(Unreadable) {
    var status = stat()
    guard geteuid() == 0, stat(path, &status) == 0, status.st_uid != 0 else { return }
    throw Unreadable(
      description:
        "\(path) in this directory is not root's, and root does not follow it; give --env-file")
  }

  /// The file at the path. `EnvironmentFile.Faults` with the file's name before each.
  static func read(_ path: String) throws(Unreadable) -> EnvironmentFile {
    let text: String
    do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
      let reason =
        access(path, R_OK) == 0 ? "it is not UTF-8 text" : String(cString: strerror(errno))
      throw Unreadable(description: "\(path) cannot be read: \(reason)")
    }
    do throws(EnvironmentFile.Faults) { return try EnvironmentFile(parsing: text) } catch {
      throw Unreadable(
        description: error.lines.map { "\(path): \($0)" }.joined(separator: "\n"))
    }
  }
}
