public import Foundation

/// Test data that is kept beside the repository rather than in it, because it is large or has another licence.
public enum SharedData {
  /// `shared` next to the repository, or wherever `RTS_SHARED_DIR` points.
  private static var root: URL {
    if let path = ProcessInfo.processInfo.environment["RTS_SHARED_DIR"] {
      return URL(filePath: path, directoryHint: .isDirectory)
    }
    let repository = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return repository.deletingLastPathComponent().appending(path: "shared")
  }

  /// Whether whoever runs the tests knows the data to be there, so that not finding it is a failure.
  public static var isRequired: Bool {
    ProcessInfo.processInfo.environment["RTS_REQUIRE_SHARED_DATA"] == "1"
  }

  /// The folder `data/<name>`, or nil where it does not exist.
  public static func folder(_ name: String) -> URL? {
    let folder = root.appending(path: "data").appending(path: name)
    return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
  }
}
