import SharedData
import Testing

@Suite struct SharedDataTests {
  @Test(.enabled(if: SharedData.isRequired, "RTS_REQUIRE_SHARED_DATA is not set"))
  func `the vectors are found where they are known to be`() {
    #expect(SharedData.folder("wycheproof") != nil)
  }
}
