/// What GitHub tells of the App's installation (`installation`), as far as it changes what the App can do.
public struct InstallationEvent: Sendable, Equatable {
  /// What the organization did with the installation, in GitHub's words.
  public enum Action: String, Sendable {
    /// The App may do nothing until it is taken up again.
    case suspend
    /// The App may do again what it might before it was suspended.
    case unsuspend
    /// The organization has removed it. If it comes back, then as another installation.
    case deleted
  }

  /// GitHub's id of the installation.
  public let installationID: Int64
  /// What happened to it: `action` of the payload.
  public let action: Action
  /// When the installation was last changed. GitHub's own examples of taking one up again still tell the time of the
  /// suspension.
  public let happenedAt: Timestamp?

  public init(installationID: Int64, action: Action, happenedAt: Timestamp?) {
    self.installationID = installationID
    self.action = action
    self.happenedAt = happenedAt
  }

  /// The state that the installation is in, if this is news: a pure decision. nil for what another delivery has overtaken;
  /// an organization must not be locked out for ever by a suspension that is told of after its end.
  ///
  /// - Parameter history: the deliveries about this installation that have been acted on.
  public func state(history: [ProcessedDelivery]) -> Installation.State? {
    switch action {
    case .deleted:
      return .deleted
    case .suspend:
      // The end of this suspension, or of a later one.
      return has(.unsuspend, in: history) { $0 >= $1 } || isDeleted(in: history) ? nil : .suspended
    case .unsuspend:
      return has(.suspend, in: history) { $0 > $1 } || isDeleted(in: history) ? nil : .active
    }
  }

  private func has(
    _ other: Action, in history: [ProcessedDelivery],
    _ isNewer: (_ other: Timestamp, _ this: Timestamp) -> Bool
  ) -> Bool {
    guard let happenedAt else { return false }
    return history.contains { delivery in
      delivery.action == other.rawValue
        && delivery.happenedAt.map { isNewer($0, happenedAt) } == true
    }
  }

  /// GitHub gives each installation a new id.
  private func isDeleted(in history: [ProcessedDelivery]) -> Bool {
    history.contains { $0.action == Action.deleted.rawValue }
  }
}
