import FastCGI
import Foundation
import Glibc
import Runners
import TestSupport
import Testing

@testable import TokenService

/// What callers paste or pipe into a shell.
@Suite struct RunnerCommandTests {
  static let hostile = [
    "plain", "it's", "'; touch pwned; '", "$(touch pwned)", "`touch pwned`", "a\nb\n touch pwned",
    #"\"; touch pwned; \"#, "*", "~", "$HOME", "!!", "# no comment", "é 世界", "'", "''", "-n",
    // To Swift, a quote with an accent is no quote.
    "'\u{301}; touch pwned; '\u{301}",
  ]

  private func runner() throws -> Runner {
    let now = Timestamp(milliseconds: 0)
    return Runner(
      id: "1", name: try #require(RunnerName("ci-1")), organization: "o", status: .pending,
      busy: false, githubRunnerID: nil, runnerGroupID: 1,
      labels: ["gpu", "cuda-12.4"].compactMap(Label.init), ephemeral: true, disableUpdate: true,
      provisioning: .registrationToken,
      owner: Principal(issuer: "i", subject: "s", identity: "s", isAdmin: false),
      isIssued: true, pendingUntil: now, createdAt: now, updatedAt: now, registeredAt: nil,
      deletedAt: nil, deletionReason: nil)
  }

  /// Runs a script with the shell, in a directory with stubs for the runner's programs. Returns what these saw.
  private func run(_ script: String, _ arguments: [String] = []) throws -> (
    arguments: [String], secret: String, status: Int32, directory: TemporaryDirectory
  ) {
    let directory = try TemporaryDirectory()
    let stub = """
      #!/bin/sh
      for argument do printf '%s\\0' "$argument"; done > arguments
      printf '%s' "${ACTIONS_RUNNER_INPUT_TOKEN-}${ACTIONS_RUNNER_INPUT_JITCONFIG-}" > secret

      """
    for program in ["config.sh", "run.sh"] {
      try stub.write(toFile: directory.file(program), atomically: true, encoding: .utf8)
      #expect(chmod(directory.file(program), 0o755) == 0)
    }
    try script.write(toFile: directory.file("script"), atomically: true, encoding: .utf8)
    let child = try ChildProcess(
      "/bin/sh", arguments + ["script"], environment: ["PATH": "/usr/bin:/bin"],
      directory: directory.path)
    _ = child.finish()
    func content(_ name: String) -> String {
      let data = FileManager.default.contents(atPath: directory.file(name))
      return String(decoding: data ?? Data(), as: UTF8.self)
    }
    return (
      content("arguments").split(separator: "\0", omittingEmptySubsequences: false).dropLast()
        .map(String.init), content("secret"), try #require(child.status), directory
    )
  }

  private func expectHarmless(_ directory: TemporaryDirectory) {
    #expect(!FileManager.default.fileExists(atPath: directory.file("pwned")))
  }

  @Test(arguments: hostile)
  func `the commands for a registration token pass every value as it is`(value: String) throws {
    let command = RunnerCommand.configure(
      try runner(), token: value, githubURL: "https://example.com/" + value, group: value)
    for text in [command.script, command.text] {
      let seen = try run(text)
      #expect(seen.status == 0)
      #expect(
        seen.arguments == [
          "--unattended", "--url", "https://example.com/" + value, "--name", "ci-1", "--labels",
          "gpu,cuda-12.4", "--runnergroup", value, "--ephemeral", "--disableupdate",
        ])
      #expect(seen.secret == value)
      expectHarmless(seen.directory)
      #expect(try run(text, ["-n"]).status == 0)
    }
  }

  @Test(arguments: hostile)
  func `the commands for a JIT config pass it by the environment alone`(value: String) throws {
    let command = RunnerCommand.run(jitConfiguration: value)
    for text in [command.script, command.text] {
      let seen = try run(text)
      #expect(seen.status == 0)
      #expect(seen.arguments == [])
      #expect(seen.secret == value)
      expectHarmless(seen.directory)
      #expect(try run(text, ["-n"]).status == 0)
    }
  }

  /// Of a connection that breaks while the script is piped into a shell.
  @Test(arguments: ["dash", "bash"])
  func `a script that is cut off anywhere does nothing, and whole it does its work`(
    shell: String
  ) throws {
    let directory = try TemporaryDirectory()
    let scripts = [
      RunnerCommand.configure(
        try runner(), token: "t", githubURL: "https://example.com/o", group: "it's"),
      RunnerCommand.run(jitConfiguration: "t"),
    ].map(\.script)
    for program in ["config.sh", "run.sh"] {
      try "#!/bin/sh\n: >started\n".write(
        toFile: directory.file(program), atomically: true, encoding: .utf8)
      #expect(chmod(directory.file(program), 0o755) == 0)
    }
    // Without its last newline it is whole.
    let cutOff = """
      length=0
      while [ "$length" -lt $(($(wc -c <script) - 1)) ]; do
        head -c "$length" script | \(shell) >/dev/null 2>&1
        if [ -e started ]; then exit 3; fi
        length=$((length + 1))
      done
      head -c "$length" script | \(shell)
      [ -e started ] && rm started
      """
    for script in scripts {
      try script.write(toFile: directory.file("script"), atomically: true, encoding: .utf8)
      let child = try ChildProcess(
        "/bin/sh", ["-c", cutOff], environment: ["PATH": "/usr/bin:/bin"],
        directory: directory.path)
      _ = child.finish()
      #expect(child.status == 0)
    }
  }

  @Test func `a script that is run elsewhere says so and does nothing`() throws {
    let directory = try TemporaryDirectory()
    try RunnerCommand.run(jitConfiguration: "x").script.write(
      toFile: directory.file("script"), atomically: true, encoding: .utf8)
    let child = try ChildProcess(
      "/bin/sh", ["-c", "exec sh script 2>&1"], directory: directory.path)
    let output = child.finish().output
    #expect(child.status == 1)
    #expect(String(decoding: output, as: UTF8.self).contains("in the directory of the runner"))
  }

  @Test func `the default group is not named`() throws {
    let command = RunnerCommand.configure(
      try runner(), token: "t", githubURL: "https://example.com/o", group: nil)
    #expect(!command.text.contains("--runnergroup"))
  }

  @Test func `callers get scripts for both kinds, with the secret in no argument`() throws {
    let world = try World()
    for (response, program, variable) in [
      (
        try world.provision(parameters: [("HTTP_ACCEPT", "text/x-shellscript")]), "./config.sh",
        "ACTIONS_RUNNER_INPUT_TOKEN"
      ),
      (
        try world.provisionJIT(
          #"{"runner_name":"ci-2"}"#, parameters: [("HTTP_ACCEPT", "text/x-shellscript")]),
        "./run.sh", "ACTIONS_RUNNER_INPUT_JITCONFIG"
      ),
    ] {
      #expect(response.status == 201)
      #expect(response.header("Content-Type") == "text/x-shellscript; charset=utf-8")
      #expect(response.text.hasPrefix("#!/bin/sh\n#"))
      #expect(response.text.contains("\nset -eu\n"))
      #expect(response.text.contains("\n  exec \(program)"))
      let seen = try run(response.text)
      #expect(seen.status == 0)
      #expect(seen.secret.count > 20)
      #expect(!seen.arguments.contains { $0.contains(seen.secret) })
      #expect(response.text.contains("\n  \(variable)='\(seen.secret)'\n"))
    }
  }

  @Test(arguments: [
    ("text/x-shellscript", "text/x-shellscript"),
    ("text/x-shellscript, */*;q=0.1", "text/x-shellscript"),
    ("text/plain, text/x-shellscript", "text/plain"),
    ("text/plain;q=0.5, text/x-shellscript", "text/x-shellscript"),
    ("text/x-shellscript;q=0", "application/json"), ("text/*", "application/json"),
  ])
  func `a script is given to who wants it most`(accept: String, type: String) throws {
    let response = try World().provision(parameters: [("HTTP_ACCEPT", accept)])
    #expect(response.header("Content-Type") == type + "; charset=utf-8")
  }

  @Test func `an error is a problem, whatever form was asked for`() throws {
    let world = try World(defaultPolicy: .deny)
    let response = try world.provision(parameters: [("HTTP_ACCEPT", "text/x-shellscript")])
    #expect(response.header("Content-Type") == "application/problem+json")
  }
}
