import Foundation
import Glibc
import TokenService

/// The service's configuration on disk, as `setup` writes it.
struct ConfigurationFile {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Whose members may read it: the workers.
  static let group = "runner-token-service"

  let path: String
  /// nil where there is none yet.
  let existing: EnvironmentFile?

  /// Throws `ConfigurationSource.Unreadable` for a file that is there and cannot be read.
  init(path: String) throws {
    self.path = path
    // What takes its place is a file, and would be no longer where a link leads.
    var status = stat()
    if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      throw Failure(description: "\(path) is not a file; give the path of the file itself")
    }
    existing = try ConfigurationSource.read(path, flags: O_NOFOLLOW | O_NONBLOCK)
  }

  /// What a new content would change, a line for each variable. No value of a secret.
  func differences(to new: EnvironmentFile) -> [String] {
    let before = existing?.variables ?? [:]
    let after = new.variables
    return Set(before.keys).union(after.keys).sorted().flatMap { name -> [String] in
      guard before[name] != after[name] else { return [] }
      func line(_ mark: String, _ value: String?) -> String? {
        value.map { "\(mark) \(name)=\(name.contains("SECRET") ? "(secret)" : $0.visible)" }
      }
      return [line("-", before[name]), line("+", after[name])].compactMap { $0 }
    }
  }

  /// Writes the file beside and then puts it in its place, readable for its owner and the workers' group, where there is
  /// such a group. Throws `Failure`.
  func write(_ content: EnvironmentFile) throws {
    try makeDirectory()
    let partial = "\(path).partial-\(getpid())"
    let descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw failure() }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    do {
      // The group before the mode that lets it read.
      if geteuid() == 0 {
        guard fchown(descriptor, 0, Self.groupID ?? 0) == 0 else { throw failure() }
      }
      guard fchmod(descriptor, 0o640) == 0 else { throw failure() }
      try handle.write(contentsOf: Data(content.text.utf8))
      try handle.synchronize()
      guard rename(partial, path) == 0 else { throw failure() }
    } catch {
      unlink(partial)
      throw error
    }
  }

  private static var groupID: gid_t? { getgrnam(group)?.pointee.gr_gid }

  private func makeDirectory() throws(Failure) {
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard mkdir(directory, 0o750) == 0 else {
      guard errno == EEXIST else { throw failure() }
      return
    }
    guard geteuid() != 0 || chown(directory, 0, Self.groupID ?? 0) == 0 else { throw failure() }
    // Whatever the caller's umask: the workers' group must be able to enter.
    guard chmod(directory, 0o750) == 0 else { throw failure() }
  }

  private func failure() -> Failure {
    Failure(description: "\(path) cannot be written: \(String(cString: strerror(errno)))")
  }
}
