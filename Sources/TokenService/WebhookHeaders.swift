import FastCGI
import Runners

/// What the headers of a delivery say. The signature does not cover them.
struct WebhookHeaders {
  /// Everything else that GitHub sends is ignored.
  static let handledEvents: Set<String> = ["ping", "workflow_job", "installation", "meta"]

  let event: String
  let deliveryID: DeliveryID

  /// - Parameters:
  ///   - parameters: of the request.
  ///   - appID: the App's id, or its client id, which GitHub does not send here.
  init(_ parameters: Parameters, appID: String) throws(ServiceError) {
    guard let event = try Self.value("X-GitHub-Event", parameters), Self.isEventName(event) else {
      throw .badRequest("Send the name of the event in the header X-GitHub-Event.")
    }
    guard let id = try Self.value("X-GitHub-Delivery", parameters).flatMap(DeliveryID.init) else {
      throw .badRequest("Send the delivery's id, a GUID, in the header X-GitHub-Delivery.")
    }
    self.event = event
    deliveryID = id
    let target = "X-GitHub-Hook-Installation-Target"
    let targetID = try Self.value(target + "-ID", parameters)
    guard try Self.value(target + "-Type", parameters) == "integration",
      appID.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains)
    else { return }
    guard targetID == appID else {
      throw .badRequest("This is the webhook of another App than the one in GITHUB_APP_ID.")
    }
  }

  private static func value(
    _ header: String, _ parameters: Parameters
  ) throws(ServiceError) -> String? {
    let values = parameters.all("HTTP_" + header.uppercased().replacing("-", with: "_"))
    guard values.count <= 1 else { throw .badRequest("Send the header \(header) once.") }
    return values.first
  }

  /// Lower-case letters and underscores, as all of GitHub's are.
  private static func isEventName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "_") }
  }
}
