import CLibFuzzer
import Foundation

/// What is given to the fuzzer, by the name that the command line uses. An input is what a stranger would send, and
/// each target holds the answer to properties, not only to the absence of a crash.
enum Target: String, CaseIterable {
  /// A JSON text.
  case json
  /// A token in JWS compact serialization.
  case token
  /// A JWK Set.
  case jwks
  /// The claims of a token whose signature is good.
  case claims

  func check(_ input: [UInt8]) {
    switch self {
    case .json: JSONTarget.check(input)
    case .token: TokenTarget.check(input)
    case .jwks: KeySetTarget.check(input)
    case .claims: ClaimsTarget.check(input)
    }
  }
}

@main
enum Fuzz {
  /// The first argument. The others are libFuzzer's.
  static let target = CommandLine.arguments.dropFirst().first.flatMap(Target.init)

  static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Corpus")

  static func main() {
    guard let target else {
      let names = Target.allCases.map(\.rawValue).joined(separator: "|")
      FileHandle.standardError.write(
        Data("Usage: fuzz \(names) [FILE|DIRECTORY...] [-OPTION=VALUE...], see -help=1\n".utf8))
      exit(64)
    }
    // Also makes what the target needs, which is no input's doing.
    target.check([])
    var count = CommandLine.argc - 1
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? =
      CommandLine.unsafeArgv + 1
    exit(
      LLVMFuzzerRunDriver(&count, &arguments) { data, size in
        Fuzz.target?.check(Array(UnsafeBufferPointer(start: data, count: size)))
        return 0
      })
  }
}

/// Ends the process in the way that libFuzzer takes for a finding.
func violated(_ property: String) -> Never {
  FileHandle.standardError.write(Data("VIOLATED: \(property)\n".utf8))
  abort()
}

/// Tokens are mutated below their encoding as often as above it; other inputs as libFuzzer does anyway.
@_cdecl("LLVMFuzzerCustomMutator")
func mutate(_ data: UnsafeMutablePointer<UInt8>, size: Int, maximum: Int, seed: UInt32) -> Int {
  guard Fuzz.target == .token, seed % 2 == 0 else {
    return LLVMFuzzerMutate(data, size, maximum)
  }
  let input = Array(UnsafeBufferPointer(start: data, count: size))
  guard let mutated = TokenTarget.mutatingSegment(Int(seed / 2 % 3), of: input),
    mutated.count <= maximum
  else { return LLVMFuzzerMutate(data, size, maximum) }
  data.update(from: mutated, count: mutated.count)
  return mutated.count
}
