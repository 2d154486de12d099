import FastCGI
import Foundation

/// The media types that a caller accepts (RFC 9110 section 12.5.1).
struct Accept {
  /// The forms in which what was handed out can be given.
  enum Form {
    case json
    /// The bare secret.
    case plainText
    /// A script to run in the runner's directory.
    case shellScript

    fileprivate init?(mediaType: String) {
      switch mediaType {
      case "application/json", "application/*", "*/*": self = .json
      case "text/plain": self = .plainText
      case "text/x-shellscript": self = .shellScript
      default: return nil
      }
    }
  }

  private struct Range {
    let form: Form
    /// 0 to 1; 0 is a refusal.
    let quality: Double
  }

  /// In the header's order, of each form the first.
  private let ranges: [Range]

  init(_ header: String) {
    var ranges: [Range] = []
    for range in header.lowercased().split(separator: ",") {
      let parts = range.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
      let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap {
        Double($0.dropFirst(2))
      }
      guard let form = parts.first.flatMap(Form.init), !ranges.contains(where: { $0.form == form })
      else { continue }
      ranges.append(Range(form: form, quality: quality ?? 1))
    }
    self.ranges = ranges
  }

  /// What is wanted most, and of equals what is named first. Where nothing that there is is named, or the header is
  /// absent, the answer is JSON.
  var form: Form {
    let accepted = ranges.filter { $0.quality > 0 }
    guard let highest = accepted.map(\.quality).max() else { return .json }
    return accepted.first { $0.quality == highest }?.form ?? .json
  }
}

extension Parameters {
  var accept: Accept { Accept(self["HTTP_ACCEPT"] ?? "") }
}
