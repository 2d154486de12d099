import Runners

/// How a machine becomes a runner, in the directory that `actions/runner` was unpacked into: as one command, or as a
/// script.
///
/// The secret goes by the environment, which the runner's programs read and then clear: other users of the machine see a
/// command's arguments. Every value is quoted, so that none can become shell code.
struct RunnerCommand {
  private let variable: String
  private let secret: String
  private let program: String
  private let arguments: [String]
  private let purpose: [String]

  /// `config.sh` with a registration token. `group`: the runner group's name, nil for GitHub's default one.
  static func configure(
    _ runner: Runner, token: String, githubURL: String, group: String?
  ) -> RunnerCommand {
    var arguments = ["--unattended", "--url", githubURL.quotedForShell]
    arguments += ["--name", runner.name.description.quotedForShell]
    if !runner.labels.isEmpty {
      arguments += [
        "--labels", runner.labels.map(\.description).joined(separator: ",").quotedForShell,
      ]
    }
    if let group { arguments += ["--runnergroup", group.quotedForShell] }
    if runner.ephemeral { arguments.append("--ephemeral") }
    if runner.disableUpdate { arguments.append("--disableupdate") }
    return RunnerCommand(
      variable: "ACTIONS_RUNNER_INPUT_TOKEN", secret: token, program: "./config.sh",
      arguments: arguments,
      purpose: [
        "Registers this machine as a self-hosted runner of GitHub Actions.",
        "Afterwards start the runner with ./run.sh, or install it as a service with ./svc.sh.",
      ])
  }

  /// `run.sh` with a JIT config.
  static func run(jitConfiguration: String) -> RunnerCommand {
    RunnerCommand(
      variable: "ACTIONS_RUNNER_INPUT_JITCONFIG", secret: jitConfiguration, program: "./run.sh",
      arguments: [],
      purpose: [
        "Starts a self-hosted runner of GitHub Actions, which runs one job and ends.",
        "It can be started once.",
      ])
  }

  /// For a person to paste.
  var text: String {
    (["\(variable)=\(secret.quotedForShell)", program] + arguments).joined(separator: " ")
  }

  /// For `sh`, which runs what it reads as it reads it: nothing happens before the last line.
  var script: String {
    """
    #!/bin/sh
    \(purpose.map { "# " + $0 }.joined(separator: "\n"))
    #
    # Run it in the directory that the runner's archive was unpacked into, as the user whom the jobs
    # shall run as. It contains a secret: use it at once and do not keep it.

    set -eu

    become_runner() {
      if [ ! -x \(program) ]; then
        echo 'There is no \(program) here: run this in the directory of the runner.' >&2
        exit 1
      fi

      # By the environment, because every user of the machine can see the arguments of a command.
      \(variable)=\(secret.quotedForShell)
      export \(variable)

      exec \(([program] + arguments).joined(separator: " "))
    }

    # In the last line, so that a script that was cut off on its way does nothing.
    become_runner

    """
  }
}
