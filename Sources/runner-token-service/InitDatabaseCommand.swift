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
      Safe to run at any time and more than once. Workers of another version refuse to start on the \
      database afterwards.

      Example:
        runner-token-service init-db --env-file service.env
      """)

  @OptionGroup var configuration: ConfigurationOptions

  func run() throws {
    let settings = try configuration.settings()
    let path = settings.databasePath
    do {
      let applied = try Database.migrate(path: path, now: Timestamp(Date()))
      print(
        applied.isEmpty
          ? "\(path) is up to date." : "\(path): applied \(applied.joined(separator: ", ")).")
    } catch {
      Diagnostic.print("\(path): \(error)")
      throw ExitCode.failure
    }
  }
}
