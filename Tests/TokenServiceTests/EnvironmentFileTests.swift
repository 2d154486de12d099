import Configuration
import Testing

@testable import TokenService

@Suite struct EnvironmentFileTests {
  @Test func `variables, comments and empty lines are what a file has`() throws {
    let text = """
      # the App

      GITHUB_APP_ID=12345
        GITHUB_ORG = "demo-org"
      ADMIN_IDENTITIES=
      OIDC_ISSUER=https://id.example/?a=b#c

      """
    let file = try EnvironmentFile(parsing: text)
    #expect(
      file.variables == [
        "GITHUB_APP_ID": "12345", "GITHUB_ORG": "\"demo-org\"", "ADMIN_IDENTITIES": "",
        "OIDC_ISSUER": "https://id.example/?a=b#c",
      ])
    #expect(file.text == text)
  }

  @Test func `every line that is something else is named by its number, and not shown`() {
    let text = """
      GITHUB_ORG=demo-org
      s3cret
      export GITHUB_APP_ID=1
      =2
      1ST=x
      GITHUB_ORG=other
      """
    #expect {
      _ = try EnvironmentFile(parsing: text)
    } throws: { error in
      let lines = (error as? EnvironmentFile.Faults)?.lines ?? []
      let numbers = lines.compactMap { $0.split(separator: " ").dropFirst().first }
      return numbers == ["2", "3", "4", "5", "6"] && !"\(error)".contains("s3cret")
        && lines.last?.contains("GITHUB_ORG once more, after line 1") == true
    }
  }

  @Test func `setting a variable changes its line and no other`() throws {
    var file = try EnvironmentFile(parsing: "# one\nA=1\nB=2\n")
    file.set("A", to: "3")
    file.set("C", to: "4")
    #expect(file.text == "# one\nA=3\nB=2\nC=4\n")
  }

  @Test(arguments: ["plain", "\"in quotes\"", "'in others'", "\"", "a\"b\"", "\"a\"b"])
  func `a value that is set is what a reader gets, with its own quotes`(value: String) throws {
    var file = EnvironmentFile()
    file.set("GITHUB_ORG", to: value)
    let reader = SettingsReader(config: reader(try EnvironmentFile(parsing: file.text).variables))
    #expect(reader.value("GITHUB_ORG") == value)
  }

  @Test func `a value that stands there in quotes is not quoted once more`() throws {
    var file = try EnvironmentFile(parsing: "A=\"1\"\n")
    file.set("A", to: try #require(file.variables["A"]))
    #expect(file.text == "A=\"1\"\n")
  }

  private func reader(_ variables: [String: String]) -> ConfigReader {
    ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: variables))
  }

  @Test func `what stays on this host needs neither key nor identity provider`() throws {
    let none = try LocalSettings(reading: reader([:]))
    #expect(none.databasePath == "/var/lib/runner-token-service/runner_service.db")
    #expect(none.auditLogPath == "/var/log/runner-token-service/audit.jsonl")
    let settings = try OrganizationSettings(
      reading: reader([
        "GITHUB_ORG": "demo-org", "GITHUB_APP_INSTALLATION_ID": "2",
        "GITHUB_APP_PRIVATE_KEY_PATH": "/nonexistent", "OIDC_ISSUER": "no URL",
      ]))
    #expect(settings.organization == "demo-org" && settings.installationID == 2)
    #expect(settings.local == none)
  }

  @Test func `what it does need is told all at once`() {
    #expect {
      _ = try OrganizationSettings(reading: reader(["DATABASE_URL": "postgres://x"]))
    } throws: { error in
      (error as? SettingsError)?.faults.map(\.variable)
        == ["DATABASE_URL", "GITHUB_APP_INSTALLATION_ID", "GITHUB_ORG"]
    }
  }
}
