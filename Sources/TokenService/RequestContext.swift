import FastCGI
import Foundation
import Runners
import StrictJSON

/// What belongs to a request beside its content: where it comes from, and what has been found out about it so far.
struct RequestContext {
  let requestID: String
  let method: String
  /// The address that the web server saw. Forwarding headers are not looked at.
  let remoteAddress: String
  let userAgent: String?
  /// Until when other hosts may take for what the request needs of them: well before the web server gives up, since by then
  /// the caller must know what became of it.
  let deadline: ContinuousClock.Instant
  /// Whether it may wait for a place at GitHub.
  let turn: Turn
  /// The path's pattern, once it is known.
  var route: String?
  var principal: Principal?
  /// The caller's token, where tokens are good for one runner only.
  var singleUseToken: SingleUseToken?
  /// The policy that the caller's token carries.
  var claimedPolicy: LabelPolicy?
  /// `jti` of the caller's token.
  var tokenID: String?
  /// What the caller sent, for `TokenFacts` where it is refused. Never shown.
  var bearerToken: String?
  var error: ServiceError?
  /// What lies behind `error`, for the log. It may quote what a caller sent.
  var cause: (any Error)?

  /// - Parameters:
  ///   - request: what arrived.
  ///   - requestID: where it is known already.
  ///   - turn: what the request is offered.
  ///   - start: from when on other hosts have their time; if not told, from when the request was there.
  init(
    request: Request, requestID: String? = nil, turn: Turn = .last,
    since start: ContinuousClock.Instant? = nil
  ) {
    let parameters = request.parameters
    self.turn = turn
    deadline = (start ?? request.receivedAt) + .seconds(20)
    self.requestID =
      requestID ?? parameters["REQUEST_ID"].flatMap(Self.validRequestID)
      ?? UUID().uuidString.lowercased()
    method = parameters.method
    remoteAddress = parameters["REMOTE_ADDR"] ?? ""
    userAgent = parameters["HTTP_USER_AGENT"].map { $0.prefix(scalars: 256) }
  }

  /// The web server's own ids are hex digits. Anything longer or stranger did not come from it.
  private static func validRequestID(_ text: String) -> String? {
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    return (1...64).contains(text.utf8.count) && isPlain ? text : nil
  }

  /// Who did it, for the audit log.
  var actor: AuditEvent.Actor {
    AuditEvent.Actor(
      identity: principal?.identity, issuer: principal?.issuer, subject: principal?.subject,
      requestID: requestID, requestIP: remoteAddress, userAgent: userAgent)
  }
}
