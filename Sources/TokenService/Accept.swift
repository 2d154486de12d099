import FastCGI
import Foundation

/// The media types that a caller accepts (RFC 9110 section 12.5.1).
struct Accept {
  private struct Range {
    let type: String
    /// 0 to 1; 0 is a refusal.
    let quality: Double
    let position: Int
  }

  private let ranges: [Range]

  init(_ header: String) {
    ranges = header.lowercased().split(separator: ",").enumerated().map { position, range in
      let parts = range.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
      let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap {
        Double($0.dropFirst(2))
      }
      return Range(type: parts.first ?? "", quality: quality ?? 1, position: position)
    }
  }

  /// Whether plain text is wanted rather than JSON. Where neither is named, or the header is absent, the answer is JSON.
  var prefersPlainText: Bool {
    guard let plain = ranges.first(where: { $0.type == "text/plain" }), plain.quality > 0 else {
      return false
    }
    let json = ranges.first { ["application/json", "application/*", "*/*"].contains($0.type) }
    guard let json, json.quality > 0 else { return true }
    return plain.quality > json.quality
      || plain.quality == json.quality && plain.position < json.position
  }
}

extension Parameters {
  var accept: Accept { Accept(self["HTTP_ACCEPT"] ?? "") }
}
