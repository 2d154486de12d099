import Foundation
import Glibc

/// Where a command writes what may be long: standard output, or a file for its owner only that is whole or not there.
final class OutputFile {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private let path: String?
  /// Where it is written until it is whole.
  private let partialPath: String?
  private let handle: FileHandle
  private var isFinished = false

  /// nil stands for standard output. Throws for a path that exists, unless it may be replaced.
  init(_ path: String?, replacing: Bool) throws(Failure) {
    self.path = path
    guard let path else {
      partialPath = nil
      handle = .standardOutput
      return
    }
    let partialPath = replacing ? "\(path).partial-\(getpid())" : path
    let descriptor = open(partialPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw Failure(
        description: errno == EEXIST && !replacing
          ? "\(path) exists; --force replaces it"
          : "\(partialPath) cannot be written: \(String(cString: strerror(errno)))")
    }
    self.partialPath = partialPath
    handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  deinit {
    if !isFinished, let partialPath { unlink(partialPath) }
  }

  func write(_ text: String) throws(Failure) {
    do { try handle.write(contentsOf: Data(text.utf8)) } catch {
      throw Failure(description: "\(path ?? "standard output") cannot be written: \(error)")
    }
  }

  /// Says that everything is written.
  func finish() throws(Failure) {
    if let path, let partialPath {
      guard fsync(handle.fileDescriptor) == 0, rename(partialPath, path) == 0 else {
        throw Failure(description: "\(path) cannot be written: \(String(cString: strerror(errno)))")
      }
    }
    isFinished = true
  }
}
