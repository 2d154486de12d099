import ArgumentParser
import GitHub
import Maintenance

/// What a command says when GitHub keeps it from its work.
enum MaintenanceFailure {
  static func reported(_ work: () throws -> Void) throws {
    do {
      try work()
    } catch let error as GitHubError {
      Diagnostic.print("GitHub: \(error)")
      throw ExitCode.failure
    } catch let paused as Paused {
      Diagnostic.print("GitHub is not asked now: \(paused)")
      throw ExitCode.failure
    }
  }
}
