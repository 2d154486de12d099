import FastCGI
import JOSE
import Runners

/// What GitHub signs a webhook with: `X-Hub-Signature-256`, the HMAC-SHA-256 of the body as it was sent. The older
/// `X-Hub-Signature` (SHA-1) is not looked at.
struct WebhookSignature {
  private static let header = "HTTP_X_HUB_SIGNATURE_256"
  private static let prefix = "sha256="

  let hash: [UInt8]

  /// Throws `invalidSignature` where there is none in GitHub's own form, `badRequest` where there are several.
  init(of parameters: Parameters) throws(ServiceError) {
    let values = parameters.all(Self.header)
    guard values.count <= 1 else {
      throw .badRequest("Send the header X-Hub-Signature-256 once.")
    }
    guard let value = values.first, value.hasPrefix(Self.prefix),
      let hash = Self.bytes(value.utf8.dropFirst(Self.prefix.utf8.count))
    else { throw .invalidSignature }
    self.hash = hash
  }

  /// Throws `invalidSignature` unless this is the signature of `body`.
  func verify(_ body: [UInt8], with key: KeyedHash) throws(ServiceError) {
    let isValid: Bool
    do { isValid = try key.isValid(hash, of: body) } catch { throw .internalError }
    guard isValid else { throw .invalidSignature }
  }

  /// 64 hex digits, in lower case as GitHub writes them.
  private static func bytes(_ digits: some Collection<UInt8>) -> [UInt8]? {
    let values = digits.compactMap { (digit: UInt8) -> UInt8? in
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
      default: nil
      }
    }
    guard digits.count == 64, values.count == 64 else { return nil }
    return stride(from: 0, to: 64, by: 2).map { values[$0] << 4 | values[$0 + 1] }
  }
}
