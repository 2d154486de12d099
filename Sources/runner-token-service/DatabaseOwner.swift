import Foundation
import Glibc

/// The unix user whose database it is. Files that anybody else makes beside it would lock the workers out.
struct DatabaseOwner {
  /// Why the program cannot go on as the user that it runs as.
  struct Refusal: Error, CustomStringConvertible {
    let description: String
  }

  let userID: uid_t
  let groupID: gid_t
  /// nil for a number that has no name.
  let name: String?

  /// Makes this process one of the database's owner, for good, if root has started it: whatever only root may read must
  /// have been read before. Does nothing where the process is the owner's, or there is no such directory yet.
  ///
  /// Throws where somebody else has started it, or where the change does not hold.
  static func become(ofDatabaseAt path: String) throws(Refusal) {
    // Whom the audit log names is known only before the change.
    _ = ServiceState.actor
    guard let owner = DatabaseOwner(ofDatabaseAt: path), owner.userID != geteuid() else { return }
    guard geteuid() == 0 else {
      throw Refusal(
        description:
          "\(path) belongs to \(owner.text) and this is \(Self.text(geteuid())); run the command with sudo, or with `sudo -u \(owner.text)`"
      )
    }
    try owner.become()
  }

  /// The owner of the directory, which decides who can write; in one of root's, such as /tmp, of the file. nil where there
  /// is neither, or only root's directory.
  private init?(ofDatabaseAt path: String) {
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    var status = stat()
    guard stat(directory, &status) == 0 else { return nil }
    if status.st_uid == 0 {
      guard stat(path, &status) == 0 else { return nil }
    }
    userID = status.st_uid
    let entry = getpwuid(userID)
    groupID = entry?.pointee.pw_gid ?? status.st_gid
    name = entry.map { String(cString: $0.pointee.pw_name) }
  }

  private var text: String { name ?? "\(userID)" }

  /// The name of the user that this process runs as now.
  static var current: String { text(geteuid()) }

  private static func text(_ id: uid_t) -> String {
    getpwuid(id).map { String(cString: $0.pointee.pw_name) } ?? "\(id)"
  }

  /// Groups first: the right to change them goes with the user.
  private func become() throws(Refusal) {
    let hasGroups =
      if let name { initgroups(name, groupID) == 0 } else { setgroups(1, [groupID]) == 0 }
    guard hasGroups, setgid(groupID) == 0, setuid(userID) == 0 else {
      throw Refusal(
        description: "this process cannot become \(text): \(String(cString: strerror(errno)))")
    }
    guard getuid() == userID, geteuid() == userID, getegid() == groupID, setuid(0) != 0,
      seteuid(0) != 0
    else { throw Refusal(description: "this process became \(text), and could still become root") }
  }
}
