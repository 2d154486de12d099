/// A label policy as it stands in the table.
public struct StoredLabelPolicy: Sendable, Equatable {
  /// Whose it is.
  public let userIdentity: String
  /// As it was saved.
  public let text: LabelPolicyText
  /// Raised by each save, from 1.
  public let revision: Int64
  /// When the identity first had a policy, since it last had none.
  public let createdAt: Timestamp
  /// When this revision was saved.
  public let updatedAt: Timestamp
  /// The admin who saved it.
  public let updatedBy: String

  public init(
    userIdentity: String, text: LabelPolicyText, revision: Int64, createdAt: Timestamp,
    updatedAt: Timestamp, updatedBy: String
  ) {
    self.userIdentity = userIdentity
    self.text = text
    self.revision = revision
    self.createdAt = createdAt
    self.updatedAt = updatedAt
    self.updatedBy = updatedBy
  }
}
