import Foundation

/// Where a command writes what may be long: standard output, or a file for its owner only that is there once it is whole.
final class OutputFile {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private let path: String?
  /// Where it is written until it is whole.
  private let partialPath: String?
  private let replaces: Bool
  private let handle: FileHandle
  private let removal: RemovalOnInterruption?
  private var isFinished = false

  /// nil stands for standard output. Throws for a path that exists, unless it may be replaced.
  init(_ path: String?, replacing: Bool) throws(Failure) {
    self.path = path
    replaces = replacing
    guard let path else {
      partialPath = nil
      removal = nil
      handle = .standardOutput
      return
    }
    var status = stat()
    guard replacing || lstat(path, &status) != 0 else { throw Self.exists(path) }
    let partialPath = "\(path).partial-\(getpid())"
    // From before it is there: whoever ends the program at any moment leaves none.
    let removal = RemovalOnInterruption()
    let descriptor = open(partialPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw Self.failure(partialPath) }
    removal.begin(path: partialPath)
    self.partialPath = partialPath
    self.removal = removal
    handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  deinit {
    if !isFinished, let partialPath { unlink(partialPath) }
  }

  func write(_ text: String) throws(Failure) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.write(handle.fileDescriptor, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Self.failure(path ?? "standard output") }
      rest = rest.dropFirst(count)
    }
  }

  /// Has something else write the file, at a path of its own until it is whole. Not for standard output.
  func fill(_ body: (_ path: String) throws -> Void) throws {
    if let partialPath { try body(partialPath) }
  }

  /// Says that everything is written. A file is safe on disk after this.
  func finish() throws(Failure) {
    if let path, let partialPath {
      guard fsync(handle.fileDescriptor) == 0 else { throw Self.failure(path) }
      if replaces {
        guard rename(partialPath, path) == 0 else { throw Self.failure(path) }
      } else {
        // Unlike a rename it does not replace what has come there meanwhile.
        guard link(partialPath, path) == 0 else {
          throw errno == EEXIST ? Self.exists(path) : Self.failure(path)
        }
        unlink(partialPath)
      }
      try synchronizeDirectory(of: path)
    }
    isFinished = true
  }

  private func synchronizeDirectory(of path: String) throws(Failure) {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.failure(path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw Self.failure(path) }
  }

  private static func exists(_ path: String) -> Failure {
    Failure(description: "\(path) exists; give another path, or --force where the command has it")
  }

  /// Names the user where that is the cause: started by root, a command is the database's owner by now.
  private static func failure(_ path: String) -> Failure {
    let reason = String(cString: strerror(errno))
    let user = errno == EACCES ? " for \(DatabaseOwner.current)" : ""
    return Failure(description: "\(path) cannot be written: \(reason)\(user)")
  }
}
