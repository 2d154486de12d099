import ArgumentParser
import Runners

/// Where a command writes its output: options of every command that can write a file.
struct DestinationOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Write to this file instead of standard output.", valueName: "path"))
  var output: String?

  @Flag(help: "Replace the file of --output if it exists.")
  var force = false

  func validate() throws {
    if output?.isEmpty == true { throw ValidationError("--output needs a path.") }
    if force, output == nil { throw ValidationError("--force goes with --output.") }
  }

  func file() throws(OutputFile.Failure) -> OutputFile {
    try OutputFile(output, replacing: force)
  }
}

/// Of what time, and in which form: options of every export.
struct ExportOptions: ParsableArguments {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case json, jsonl, csv
  }

  @Option(
    help: ArgumentHelp("Only what is of this time or later.", valueName: "date"),
    transform: DateArgument.timestamp)
  var since: Timestamp?

  @Option(
    help: ArgumentHelp("Only what is from before this time.", valueName: "date"),
    transform: DateArgument.timestamp)
  var until: Timestamp?

  @Option(help: "The form of the output.")
  var format = Format.jsonl

  @OptionGroup var destination: DestinationOptions

  func validate() throws {
    if let since, let until, since >= until {
      throw ValidationError("--since has to be before --until.")
    }
  }
}
