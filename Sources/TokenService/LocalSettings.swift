public import Configuration

/// What a command needs that stays on this host: it must run while the App's key cannot be read or the identity providers
/// are not set up yet.
public struct LocalSettings: Sendable, Equatable {
  /// Of SQLite's file; its companions and the locks lie beside it.
  public let databasePath: String
  /// Of the audit log's file, the mirror of the table (`AuditFile`).
  public let auditLogPath: String

  /// Throws an error that names each of these variables that is wrong, and no other.
  public init(reading config: ConfigReader) throws(SettingsError) {
    var reader = SettingsReader(config: config)
    self.init(&reader)
    guard reader.faults.isEmpty else { throw SettingsError(faults: reader.faults) }
  }

  init(_ reader: inout SettingsReader) {
    databasePath = reader.databasePath()
    auditLogPath = reader.auditLogPath()
  }

  fileprivate init(databasePath: String, auditLogPath: String) {
    self.databasePath = databasePath
    self.auditLogPath = auditLogPath
  }
}

/// The same for a command that shows what belongs to the organization.
public struct OrganizationSettings: Sendable, Equatable {
  /// Where the database and the audit log's file are.
  public let local: LocalSettings
  /// The organization's login.
  public let organization: String
  /// GitHub's id of the App's installation in it.
  public let installationID: Int64

  /// Throws an error that names each of these variables that is missing or wrong, and no other.
  public init(reading config: ConfigReader) throws(SettingsError) {
    var reader = SettingsReader(config: config)
    local = LocalSettings(&reader)
    let installationID = reader.installationID()
    let organization = reader.organization()
    guard reader.faults.isEmpty, let organization, let installationID else {
      throw SettingsError(faults: reader.faults)
    }
    self.organization = organization
    self.installationID = installationID
  }
}

extension Settings {
  /// The part that has nothing to do with GitHub.
  public var local: LocalSettings {
    LocalSettings(databasePath: databasePath, auditLogPath: auditLogPath)
  }
}
