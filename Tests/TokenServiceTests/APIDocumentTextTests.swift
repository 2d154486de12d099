import StrictJSON
import Testing

@testable import APIDocument

@Suite struct APIDocumentTextTests {
  @Test(arguments: [
    ("a: 1", #"{"a":1}"#), ("a: -1.5e3", #"{"a":-1.5e3}"#), ("a: null", #"{"a":null}"#),
    ("b: 1\na: [true, false]", #"{"b":1,"a":[true,false]}"#), ("a: {}", #"{"a":{}}"#),
    ("a: |\n  x\n  y/z\n", #"{"a":"x\ny/z\n"}"#), ("a: '\"'", #"{"a":"\""}"#),
    ("'200': x", #"{"200":"x"}"#), ("a: &x 1\nb: *x", #"{"a":1,"b":1}"#),
  ])
  func `YAML becomes JSON in the same order`(yaml: String, json: String) throws {
    #expect(try JSONText(yaml: yaml).text == json)
  }

  @Test(arguments: [
    "yes", "on", "No", "0o17", "017", "1:30", "2026-11-22", "~", "'1'", ".inf", "1_0",
  ])
  func `what YAML's versions do not agree on is text`(scalar: String) throws {
    let text = scalar.filter { $0 != "'" }
    #expect(try JSONText(yaml: "a: \(scalar)").text == "{\"a\":\"\(text)\"}")
  }

  @Test(arguments: ["", "? [a]\n: 1", "a: [", "a: 1\na: 2"])
  func `what is not JSON is refused`(yaml: String) {
    #expect(throws: (any Error).self) { try JSONText(yaml: yaml) }
  }
}
