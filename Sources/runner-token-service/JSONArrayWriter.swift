/// One JSON array, an element a line, written as it comes: a list of any length needs no memory.
struct JSONArrayWriter {
  private let output: OutputFile
  private(set) var count = 0

  init(_ output: OutputFile) throws {
    self.output = output
    try output.write("[")
  }

  mutating func write(_ element: some Encodable) throws {
    try output.write((count == 0 ? "\n" : ",\n") + JSONLine.text(element))
    count += 1
  }

  func finish() throws {
    try output.write("\n]\n")
  }
}
