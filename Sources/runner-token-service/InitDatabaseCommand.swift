import ArgumentParser
import Foundation
import Runners
import Storage
import TokenService

/// `init-db`: the database, made or brought up to date.
struct InitDatabaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init-db",
    abstract: "Make the database, or bring it to the schema of this version.",
    discussion: """
      Safe to run more than once. To upgrade a database stop the workers and the maintenance process first, and make a \
      backup: there is no way back to an earlier schema. What still runs of another version writes nothing afterwards.

      Ends with status 0, 1 if it failed, 78 if the configuration cannot be used.

      Example:
        runner-token-service init-db --env-file service.env
      """)

  @OptionGroup var configuration: ConfigurationOptions

  func run() throws {
    let path = try configuration.localSettings().databasePath
    do {
      try Self.checkDirectory(of: path)
      try DatabaseOwner.become(ofDatabaseAt: path)
      let applied = try Database.migrate(path: path, now: Timestamp(Date()))
      print(
        applied.isEmpty
          ? "\(path) is up to date." : "\(path): applied \(applied.joined(separator: ", ")).")
    } catch {
      Diagnostic.print("\(error)")
      throw ExitCode.failure
    }
  }

  private struct NoDirectory: Error, CustomStringConvertible {
    let description: String
  }

  private static func checkDirectory(of path: String) throws {
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard FileManager.default.fileExists(atPath: directory) else {
      throw NoDirectory(
        description:
          "\(directory) does not exist; make it for the workers' user, with mode 700, such as by `install -d -m 700 -o runner-token-service \(directory)`"
      )
    }
  }
}
