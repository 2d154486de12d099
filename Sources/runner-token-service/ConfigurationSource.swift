import Configuration
import Foundation
import Glibc
import Storage
import TokenService

/// The environment, over a file.
struct ConfigurationSource {
  /// nil for `.env` in the working directory, which may be absent, and then the installed service's file. For root, who may
  /// work anywhere, the latter only.
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
    if let envFile {
      // A FIFO will do, such as a shell makes for <(command).
      guard let file = try Self.read(envFile) else {
        throw Unreadable(
          description: "\(envFile) cannot be read: \(String(cString: strerror(ENOENT)))")
      }
      return file
    }
    if geteuid() == 0 {
      Self.warnOfFileThatRootDoesNotRead()
    } else if let file = try Self.read(".env", flags: O_NONBLOCK) {
      return file
    }
    return try Self.read(Self.installedFile, flags: O_NONBLOCK) ?? EnvironmentFile()
  }

  /// Root must not take its orders from a file that happens to lie where it works: whoever can write there could put one,
  /// or a link to one of root's.
  private static func warnOfFileThatRootDoesNotRead() {
    guard access(".env", F_OK) == 0 else { return }
    Diagnostic.print(
      "Warning: .env in this directory is not read, because root does not take what lies where it works. "
        + "To use it, give --env-file .env")
  }

  /// The file at the path, or nil where there is none. It is opened once: what is checked is what is read.
  ///
  /// Throws where root reads what somebody else can change, and `EnvironmentFile.Faults` with the file's name before each.
  /// `flags`: `O_NOFOLLOW` where the path must not be a link; `O_NONBLOCK` where it must be a file.
  static func read(_ path: String, flags: Int32 = 0) throws(Unreadable) -> EnvironmentFile? {
    let file: OpenedFile
    do { file = try OpenedFile(path: path, flags: flags) } catch {
      if error.code == ENOENT || error.code == ENOTDIR { return nil }
      throw Unreadable(description: "\(path) cannot be read: \(error)")
    }
    guard file.isRegular || flags & O_NONBLOCK == 0 else {
      throw Unreadable(description: "\(path) is not a file")
    }
    try checkTrusted(file, at: path)
    let bytes: [UInt8]
    do { bytes = try file.contents() } catch {
      throw Unreadable(description: "\(path) cannot be read: \(error)")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Unreadable(description: "\(path) cannot be read: it is not UTF-8 text")
    }
    do throws(EnvironmentFile.Faults) { return try EnvironmentFile(parsing: text) } catch {
      throw Unreadable(
        description: error.lines.map { "\(path): \($0)" }.joined(separator: "\n"))
    }
  }

  /// A file that orders root about must be one that only root can change.
  private static func checkTrusted(_ file: OpenedFile, at path: String) throws(Unreadable) {
    guard geteuid() == 0, file.owner != 0 || file.mode & 0o022 != 0 else { return }
    throw Unreadable(
      description:
        "\(path) can be changed by others than root, and root does not follow it; run chown root \(path) and chmod go-w \(path)"
    )
  }
}
