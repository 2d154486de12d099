import GitHub
import Testing

@Suite struct MayHaveActedTests {
  @Test(
    arguments: [
      (.unavailable("timed out", mayHaveActed: true), true),
      (.unavailable("refused", mayHaveActed: false), false), (.unreadableAnswer("x"), true),
      (.nameTaken, false), (.rateLimited(retryAfter: 1), false), (.notFound, false),
      (.refused(status: 422, message: "x"), false), (.installationSuspended, false),
    ] as [(GitHubError, Bool)])
  func `an error says whether GitHub may have done what it was asked`(
    error: GitHubError, expected: Bool
  ) {
    #expect(error.mayHaveActed == expected)
  }
}
