/// What becomes of a runner at GitHub that nobody provisioned here.
public enum UnmanagedRunners: String, Sendable, CaseIterable {
  /// It is neither reported nor removed.
  case ignore
  /// It is reported, once.
  case alert
  /// It is reported and removed.
  case delete
}
