import ArgumentParser
import Testing

@testable import github_simulator

@Suite struct SimulatorCommandTests {
  private func parse(_ baseURL: String) throws -> SimulatorCommand {
    try SimulatorCommand.parse(["--listen", "s", "--app-key", "k", "--base-url", baseURL])
  }

  @Test func `a slash at the end of the base URL is dropped`() throws {
    #expect(try parse("http://127.0.0.1:8080/").baseURL == "http://127.0.0.1:8080")
  }

  @Test(arguments: ["127.0.0.1:8080", "ftp://example.com", "http://example.com/api"])
  func `a base URL that is none, or has a path, is refused`(text: String) {
    #expect(throws: (any Error).self) { try parse(text) }
  }

  @Test func `no line of the help is broken at 80 columns`() {
    let help = SimulatorCommand.helpMessage(columns: 80)
    for line in ControlHelp.text.split(separator: "\n").dropFirst() {
      #expect(help.contains(line))
    }
  }
}
