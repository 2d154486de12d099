import Foundation
import TestSupport
import Testing

/// Commands that stay on this host, where the rest of the configuration cannot be used.
@Suite struct LocalCommandTests {
  private let program: Program

  init() throws {
    program = try Program()
  }

  @Test func `they need neither the key nor the identity providers, and check-config names both`()
    throws
  {
    try FileManager.default.removeItem(atPath: program.file("app.pem"))
    let commands = [
      "init-db", "status", "list-runners", "list-label-policies", "list-approvals",
      "set-label-policy --user alice --label gpu", "delete-label-policy --user alice",
      "export-audit-log", "export-security-events", "verify-audit-log",
      "report --since 2026-01-01", "backup-db --output copy.db", "restore-db copy.db",
    ]
    for command in commands {
      let outcome = try program.run(shell: "OIDC_ISSUER=x OIDC_AUDIENCE= exec \"$0\" \(command)")
      #expect(outcome.status == 0, "\(command): \(outcome.errors)")
    }
    let check = try program.run(shell: "OIDC_ISSUER=x OIDC_AUDIENCE= exec \"$0\" check-config")
    #expect(check.status == 78)
    for variable in ["GITHUB_APP_PRIVATE_KEY_PATH", "OIDC_ISSUER", "OIDC_AUDIENCE"] {
      #expect(check.errors.contains("\n\(variable): "))
    }
    // Who speaks to GitHub does need it.
    let sync = try program.run("sync-github", "--dry-run")
    #expect(sync.status == 78 && sync.errors.contains("GITHUB_APP_PRIVATE_KEY_PATH"))
  }

  @Test func `a line of the file that is no variable is named by its number`() throws {
    let file = program.file("service.env")
    try "LOG_LEVEL=debug\nOIDC_AUDIENCE runner\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    for command in ["status", "check-config"] {
      let outcome = try program.run(command, "--env-file", file)
      #expect(outcome.status == 78)
      #expect(outcome.errors.contains("\(file): line 2 is not NAME=value"))
    }
    try "LOG_LEVEL=debug\n# OIDC_AUDIENCE runner\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    #expect(try program.run("status", "--env-file", file).status == 0)
  }

  @Test func `a file that is not there is told`() throws {
    let outcome = try program.run("status", "--env-file", program.file("absent"))
    #expect(outcome.status == 78)
    #expect(outcome.errors.contains("absent cannot be read: No such file or directory"))
    #expect(!outcome.errors.contains("setup"))
  }

  @Test(.disabled(if: FileManager.default.fileExists(atPath: "/etc/runner-token-service")))
  func `where there is no configuration at all, it says where one would be`() throws {
    let outcome = try program.run(shell: "exec env -i \"$0\" check-config")
    #expect(outcome.status == 78)
    #expect(
      outcome.errors.hasSuffix(
        """
        There is neither .env in this directory nor /etc/runner-token-service/service.env; \
        `sudo runner-token-service setup` writes the latter.

        """))
    try "LOG_LEVEL=debug\n".write(
      toFile: program.file(".env"), atomically: true, encoding: .utf8)
    let incomplete = try program.run(shell: "exec env -i \"$0\" check-config")
    #expect(incomplete.status == 78 && !incomplete.errors.contains("There is neither"))
  }
}
