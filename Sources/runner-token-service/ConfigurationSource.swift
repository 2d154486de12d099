import Configuration
import Dispatch
import Foundation
import SystemPackage

/// The environment, over a file.
struct ConfigurationSource {
  /// nil for `.env`, which may be absent.
  let envFile: String?

  /// Why the file cannot be used.
  struct Unreadable: Error, CustomStringConvertible {
    let description: String
  }

  /// The names of the variables that the file and the environment set.
  func names() -> [String] {
    let file = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    let inFile = file.split(whereSeparator: \.isNewline).compactMap { line in
      line.split(separator: "=", maxSplits: 1).first.map {
        $0.trimmingCharacters(in: .whitespaces)
      }
    }
    return inFile + ProcessInfo.processInfo.environment.keys.sorted()
  }

  private var path: String { envFile ?? ".env" }

  func reader() throws -> ConfigReader {
    let outcome = Outcome()
    let isDone = DispatchSemaphore(value: 0)
    // The library reads files asynchronously; the program begins with one thread and wants to go on with the answer.
    // Of a priority that needs no privilege: Dispatch would say on standard error that it was refused a higher one.
    Task.detached(priority: .utility) {
      do {
        outcome.provider = try await EnvironmentVariablesProvider(
          environmentFilePath: FilePath(path), allowMissing: envFile == nil)
      } catch {
        outcome.failure = "\(path) cannot be read: \(error)"
      }
      isDone.signal()
    }
    isDone.wait()
    guard let file = outcome.provider else {
      throw Unreadable(description: outcome.failure ?? "\(path) cannot be read")
    }
    return ConfigReader(providers: [EnvironmentVariablesProvider(), file])
  }

  /// Written before the semaphore is signalled and read after, so never by two threads at a time.
  private final class Outcome: @unchecked Sendable {
    var provider: EnvironmentVariablesProvider?
    var failure: String?
  }
}
