import Foundation
import HTTPClient
import JOSE
import OIDC

/// Judges tokens as the service does, one a line, so that another implementation's verdicts can be held against them.
@main
enum TokenVerdicts {
  static let usage = """
    Usage: token-verdicts --algorithms
           token-verdicts CONFIGURATION

    The first prints the signature algorithms that the service knows.
    The second reads tokens from standard input, each a line of hexadecimal digits
    (a token may hold any byte), and answers each with a line:
      accepted SUBJECT   the sub claim, as hexadecimal digits of its UTF-8
      refused REASON

    """

  static func main() throws {
    switch CommandLine.arguments.dropFirst().first {
    case "--help", nil:
      write(usage)
    case "--algorithms":
      write(SignatureAlgorithm.allCases.map { $0.rawValue + "\n" }.joined())
    case let path?:
      try judge(by: Configuration(path: path))
    }
  }

  private static func judge(by configuration: Configuration) throws {
    let validator = try configuration.validator()
    while let line = readLine() {
      guard let bytes = bytes(hexadecimal: line) else { throw UsageError.notHexadecimal(line) }
      // As FastCGI parameters become text.
      let token = String(decoding: bytes, as: UTF8.self)
      write(try verdict(on: token, by: validator, at: configuration.date) + "\n")
    }
  }

  private static func verdict(
    on token: String, by validator: TokenValidator, at now: Date
  ) throws -> String {
    do {
      let claims = try validator.validate(token, now: now)
      return "accepted " + claims.subject.utf8.map { hexadecimal($0) }.joined()
    } catch .invalid(let fault) {
      return "refused " + name(of: fault)
    } catch {
      // Not a verdict on the token: the configuration is wrong.
      throw error
    }
  }

  /// The names of an error's case and of the one within it, without what they carry.
  private static func name(of error: any Error) -> String {
    guard let child = Mirror(reflecting: error).children.first, let label = child.label else {
      return String(reflecting: error).split(separator: ".").last.map(String.init) ?? ""
    }
    guard let inner = child.value as? any Error else { return label }
    return label + "." + name(of: inner)
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    (byte < 0x10 ? "0" : "") + String(byte, radix: 16)
  }

  private static func bytes(hexadecimal line: String) -> [UInt8]? {
    let digits = line.utf8.map { Character(Unicode.Scalar($0)).hexDigitValue }
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = digits[index], let low = digits[index + 1] else { return nil }
      bytes.append(UInt8(high << 4 | low))
    }
    return bytes
  }

  private static func write(_ text: String) {
    FileHandle.standardOutput.write(Data(text.utf8))
  }
}

enum UsageError: Error {
  case notHexadecimal(String)
  case unknownAlgorithm(String)
}
