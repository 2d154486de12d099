import Foundation
import Glibc
import Runners

/// A directory of backups whose names say what they are of and when they were made: `runner_service-20260131T120000Z.db`.
struct BackupDirectory {
  let path: String
  /// Of the database, without its ending.
  private let stem: String

  init(path: String, databasePath: String) {
    self.path = path
    stem = URL(fileURLWithPath: databasePath).deletingPathExtension().lastPathComponent
  }

  /// Where a backup of this moment belongs.
  func file(at now: Timestamp) -> String {
    let time = now.description.filter { $0.isNumber || $0 == "T" }.prefix(15)
    return "\(path)/\(stem)-\(time)Z.db"
  }

  /// In seconds. Older than that, a file that is not whole is nobody's any more: it is what a power failure has left.
  private static let ageOfAbandoned = 86_400

  /// Deletes the oldest of its backups so that `count` are left, `newest` among them, and beginnings of backups that are more
  /// than a day old. Touches no file with another name. Returns what was deleted. Throws `OutputFile.Failure`.
  func keep(_ count: Int, newest: String) throws(OutputFile.Failure) -> [String] {
    let names: [String]
    do { names = try FileManager.default.contentsOfDirectory(atPath: path) } catch {
      throw OutputFile.Failure(description: "\(path) cannot be read: \(error)")
    }
    let others = names.filter(isBackup).map { "\(path)/\($0)" }.filter { $0 != newest }.sorted()
    let abandoned = names.filter(isAbandoned).map { "\(path)/\($0)" }.sorted()
    let old = abandoned + others.dropLast(max(0, count - 1))
    for file in old {
      guard unlink(file) == 0 else {
        throw OutputFile.Failure(
          description: "\(file) cannot be deleted: \(String(cString: strerror(errno)))")
      }
    }
    return old
  }

  private func isBackup(_ name: String) -> Bool {
    file(name, matching: /\d{8}T\d{6}Z\.db/) != nil
  }

  /// As `OutputFile` names what is not whole yet, with what SQLite may have beside it.
  private func isAbandoned(_ name: String) -> Bool {
    guard let status = file(name, matching: /\d{8}T\d{6}Z\.db\.partial-\d+(-journal|-wal|-shm)?/)
    else { return false }
    return time(nil) - status.st_mtim.tv_sec > Self.ageOfAbandoned
  }

  /// What the system says of a file of this directory that is named by the database and `pattern`; nil if it is not such a one.
  private func file(_ name: String, matching pattern: some RegexComponent) -> stat? {
    var status = stat()
    guard name.hasPrefix(stem + "-"), lstat("\(path)/\(name)", &status) == 0,
      status.st_mode & S_IFMT == S_IFREG,
      name.dropFirst(stem.count + 1).wholeMatch(of: pattern) != nil
    else { return nil }
    return status
  }
}
