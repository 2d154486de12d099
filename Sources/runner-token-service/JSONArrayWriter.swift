/// One JSON array, an element a line, written as it comes: a list of any length needs no memory.
struct JSONArrayWriter {
  private let output: OutputFile
  private(set) var count = 0

  init(_ output: OutputFile) throws {
    self.output = output
    try output.write("[")
  }

  mutating func write(_ element: some Encodable) throws {
    try write(json: JSONLine.text(element))
  }

  /// The same for an element that is JSON text already, on one line.
  mutating func write(json text: String) throws {
    try output.write((count == 0 ? "\n" : ",\n") + text)
    count += 1
  }

  func finish() throws {
    try output.write("\n]\n")
  }
}
