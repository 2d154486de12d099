/// Something that happened and that an auditor may ask about.
public struct AuditEvent: Sendable, Equatable {
  /// What happened. The raw value is what stands in the log, and never changes.
  public enum Kind: String, Sendable, CaseIterable {
    /// Somebody was allowed a runner, and GitHub is about to be asked.
    case provisionRequested = "provision_requested"
    /// A registration token or JIT config is about to be handed out.
    case provision
    /// It was refused, or GitHub failed; `errorCode` says which.
    case provisionFailed = "provision_failed"
    /// What was issued by the request of the same id did not reach the web server.
    case provisionUndelivered = "provision_undelivered"
    /// An owner or an admin wants a runner gone, and GitHub is about to be asked.
    case deprovisionRequested = "deprovision_requested"
    /// A runner was removed, or could not be.
    case deprovision
    /// Its owner asked GitHub about a runner.
    case refresh
    /// A runner's status changed by what GitHub shows or by time.
    case statusChange = "status_change"
    /// An admin asked what another's request would come to.
    case policyExplained = "policy_explained"
    /// An admin stored a label policy for an identity that had none.
    case policyCreated = "policy_created"
    /// An admin replaced an identity's label policy.
    case policyUpdated = "policy_updated"
    /// An admin deleted an identity's label policy: what the token claims, or the default, applies from then on.
    case policyDeleted = "policy_deleted"
    /// Somebody who is no admin asked for what only admins may.
    case adminDenied = "admin_denied"
    /// A caller asked for a runner that an admin has to approve.
    case approvalRequested = "approval_requested"
    /// An admin approved a request, or tried to in vain: `success` says which.
    case approvalApproved = "approval_approved"
    /// An admin denied a request or took an approval back, or tried to in vain: `success` says which.
    case approvalDenied = "approval_denied"
    /// GitHub's whole list of runners was read and compared with what is known here.
    case sync
    /// A runner was compared with what was granted.
    case labelVerification = "label_verification"
    /// A runner was removed at GitHub because it was not connected for long, or because a failed attempt had left it there.
    case cleanup
    /// GitHub told of something that changed what is known here.
    case webhook
    /// The App's installation was suspended, taken up again or deleted.
    case installationChange = "installation_change"
    /// A runner at GitHub that nobody provisioned here was seen for the first time, or removed.
    case unmanagedRunner = "unmanaged_runner"
    /// An admin writes the log out for others.
    case export
    /// An admin moves the oldest part of the log to a file.
    case archive
    /// An admin put a backup in the database's place.
    case restore
  }

  /// A value of `data`. Never a secret.
  public enum Value: Sendable, Equatable {
    /// A string of JSON; times are such, in RFC 3339.
    case text(String)
    /// A number of JSON without a fraction.
    case number(Int64)
    /// `true` or `false`.
    case flag(Bool)
    /// An array of strings.
    case texts([String])
  }

  /// What happened, or was tried: whether it came about says `success`.
  public let kind: Kind
  /// Whether it came about.
  public var success: Bool
  /// The error code that the caller saw.
  public var errorCode: String?
  /// For admins; nothing of it goes to callers.
  public var errorMessage: String?
  /// Who did it, as far as that is known.
  public var actor: Actor
  /// Our id of the runner, not GitHub's.
  public var runnerID: String?
  /// The runner's name. Where it was still to be generated, its prefix and `-*`.
  public var runnerName: String?
  /// What else there is to say. No secret.
  public var data: [String: Value]

  /// An event that was a success unless something else is said.
  public init(
    _ kind: Kind, success: Bool = true, errorCode: String? = nil, errorMessage: String? = nil,
    actor: Actor, runnerID: String? = nil, runnerName: String? = nil, data: [String: Value] = [:]
  ) {
    self.kind = kind
    self.success = success
    self.errorCode = errorCode
    self.errorMessage = errorMessage
    self.actor = actor
    self.runnerID = runnerID
    self.runnerName = runnerName
    self.data = data
  }

  /// Who did it, and by which request.
  public struct Actor: Sendable, Equatable {
    /// What people call them; `cli:` and a user for commands.
    public var identity: String?
    /// `iss` of their token.
    public var issuer: String?
    /// `sub` of their token.
    public var subject: String?
    /// `X-Request-ID` of the answer.
    public var requestID: String?
    /// The address that the web server saw.
    public var requestIP: String?
    /// As the client sent it: anybody's text.
    public var userAgent: String?

    public init(
      identity: String? = nil, issuer: String? = nil, subject: String? = nil,
      requestID: String? = nil, requestIP: String? = nil, userAgent: String? = nil
    ) {
      self.identity = identity
      self.issuer = issuer
      self.subject = subject
      self.requestID = requestID
      self.requestIP = requestIP
      self.userAgent = userAgent
    }

    /// The process that keeps what is known here and what is so at GitHub together.
    public static let maintenance = Actor(identity: "system:maintenance")
    /// GitHub, by a webhook.
    public static let webhook = Actor(identity: "system:github-webhook")
  }
}

extension AuditEvent.Value: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let flag = try? container.decode(Bool.self) {
      self = .flag(flag)
    } else if let number = try? container.decode(Int64.self) {
      self = .number(number)
    } else if let text = try? container.decode(String.self) {
      self = .text(text)
    } else {
      self = .texts(try container.decode([String].self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let text): try container.encode(text)
    case .number(let number): try container.encode(number)
    case .flag(let flag): try container.encode(flag)
    case .texts(let texts): try container.encode(texts)
    }
  }
}
