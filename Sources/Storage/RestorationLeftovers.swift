import Foundation

/// What a restoration that was killed has left behind: its names end in the number of its process.
enum RestorationLeftovers {
  /// Removes whatever lies in the folder under the prefix and a number. Only for the one who has the database alone: others'
  /// restorations and looks at backups are over then. Throws `RestoreRefusal`.
  static func remove(from folder: URL, prefix: String) throws(RestoreRefusal) {
    do {
      for name in try FileManager.default.contentsOfDirectory(atPath: folder.path)
      where name.hasPrefix(prefix) && Int(name.dropFirst(prefix.count)) != nil {
        try FileManager.default.removeItem(at: folder.appendingPathComponent(name))
      }
    } catch {
      throw RestoreRefusal(
        description:
          "what an interrupted restoration left in \(folder.path) cannot be removed: \(error)")
    }
  }
}
