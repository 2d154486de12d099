import CTestSupport
import Foundation
import Glibc

/// A program that a test runs.
///
/// Not Foundation's `Process`: that reaps children on a thread of its own, now and then the wrong one, and leaks the
/// descriptors of one child into another. A child that nobody reaps makes Swift Testing's exit tests wait for ever.
public final class ChildProcess {
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  public let id: Int32
  /// The exit status, or 128 and the signal's number, as a shell has it. nil while it runs.
  public private(set) var status: Int32?
  private let output: Int32

  /// Starts a program. Descriptors that are not given stay closed: no input, no errors. What it prints is for `finish`.
  public init(
    _ path: String, _ arguments: [String], environment: [String: String]? = nil,
    directory: String = "/", input: Int32? = nil, errors: Int32? = nil
  ) throws {
    var pipe: [Int32] = [-1, -1]
    guard Glibc.pipe(&pipe) == 0 else { throw Failure(description: "pipe") }
    output = pipe[0]
    defer { close(pipe[1]) }

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addchdir_np(&actions, directory)
    if let input {
      posix_spawn_file_actions_adddup2(&actions, input, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_adddup2(&actions, pipe[1], 1)
    if let errors {
      posix_spawn_file_actions_adddup2(&actions, errors, 2)
    } else {
      posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    }
    posix_spawn_file_actions_addclosefrom_np(&actions, 3)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    let variables = environment ?? ProcessInfo.processInfo.environment
    var argumentPointers = ([path] + arguments).map { strdup($0) } + [nil]
    var variablePointers = variables.map { strdup("\($0)=\($1)") } + [nil]
    defer { for pointer in argumentPointers + variablePointers { free(pointer) } }
    var id: pid_t = 0
    let code = posix_spawn(
      &id, path, &actions, &attributes, &argumentPointers, &variablePointers)
    guard code == 0 else {
      close(output)
      throw Failure(description: "\(path): \(String(cString: strerror(code)))")
    }
    self.id = id
  }

  deinit {
    if isRunning {
      kill(id, SIGKILL)
      reap(0)
    }
    close(output)
  }

  public var isRunning: Bool {
    if status == nil { reap(WNOHANG) }
    return status == nil
  }

  private func reap(_ flags: Int32) {
    var raw: Int32 = 0
    guard waitpid(id, &raw, flags) == id else { return }
    let signal = raw & 0x7F
    status = signal == 0 ? (raw >> 8) & 0xFF : 128 + signal
  }

  public func send(_ signal: Int32) {
    if isRunning { kill(id, signal) }
  }

  /// Asks it to end, and makes it after half a minute. Returns its status.
  @discardableResult
  public func stop() -> Int32? {
    send(SIGTERM)
    if !waitForEnd(seconds: 30) {
      send(SIGKILL)
      _ = waitForEnd(seconds: 5)
    }
    return status
  }

  /// Returns whether it ended in time.
  public func waitForEnd(seconds: Int) -> Bool {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while isRunning, .now < deadline { usleep(10_000) }
    return !isRunning
  }

  /// What it prints until it ends or closes its output, but for no longer than two minutes; and its status.
  public func finish() -> (status: Int32?, output: [UInt8]) {
    let deadline = ContinuousClock.now + .seconds(120)
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while .now < deadline {
      var ready = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
      guard poll(&ready, 1, 1000) > 0 else { continue }
      let count = read(output, &buffer, buffer.count)
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    if !waitForEnd(seconds: 10) { stop() }
    return (status, bytes)
  }

  /// Runs a program to its end, which must be a success. Returns what it printed.
  @discardableResult
  public static func run(
    _ path: String, _ arguments: [String], environment: [String: String]? = nil
  ) throws -> [UInt8] {
    let (status, output) = try ChildProcess(path, arguments, environment: environment).finish()
    guard status == 0 else {
      throw Failure(
        description:
          "\(path) \(arguments.joined(separator: " ")) ended with \(status.map(String.init) ?? "?")"
      )
    }
    return output
  }
}
