import Foundation

/// Files that decide who gets in, and that everybody on this machine can write.
enum WritableByAnybody {
  /// Of the file that a link leads to. false where there is none: reading it then says so.
  static func isFile(_ path: String) -> Bool {
    let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    let attributes = try? FileManager.default.attributesOfItem(atPath: target)
    let mode = (attributes?[.posixPermissions] as? NSNumber)?.intValue ?? 0
    return mode & 0o002 != 0
  }
}
