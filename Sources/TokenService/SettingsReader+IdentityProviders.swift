import Foundation
import OIDC
import StrictJSON

extension SettingsReader {
  /// Those of the file, or the one of the variables.
  mutating func identityProviders() -> [Provider] {
    let given = Self.providerVariables.filter { value($0.name) != nil }
    guard let path = value("OIDC_PROVIDERS_FILE") else { return identityProvider() }
    for variable in given {
      fail(variable.name, "cannot be set together with OIDC_PROVIDERS_FILE; set it in the file")
    }
    let file = IdentityProvidersFile(path: path)
    let outcome = file.read()
    for fault in outcome.faults { fail("OIDC_PROVIDERS_FILE", fault) }
    return outcome.providers
  }

  /// A variable that stands for a member of the file.
  struct ProviderVariable {
    enum Kind { case text, list, number }

    let name: String
    let member: String
    let kind: Kind
  }

  /// The one-provider form.
  static let providerVariables = [
    ProviderVariable(name: "OIDC_ISSUER", member: "issuer", kind: .text),
    ProviderVariable(name: "OIDC_AUDIENCE", member: "audiences", kind: .list),
    ProviderVariable(name: "OIDC_JWKS_URL", member: "jwks_url", kind: .text),
    ProviderVariable(name: "OIDC_CA_BUNDLE", member: "ca_bundle", kind: .text),
    ProviderVariable(name: "OIDC_ALGORITHMS", member: "algorithms", kind: .list),
    ProviderVariable(name: "OIDC_IDENTITY_CLAIM", member: "identity_claim", kind: .text),
    ProviderVariable(name: "OIDC_TOKEN_TYPES", member: "token_types", kind: .list),
    ProviderVariable(name: "OIDC_AUTHORIZED_PARTIES", member: "authorized_parties", kind: .list),
    ProviderVariable(
      name: "OIDC_MAXIMUM_LIFETIME_SECONDS", member: "maximum_lifetime_seconds", kind: .number),
    ProviderVariable(name: "OIDC_LEEWAY_SECONDS", member: "leeway_seconds", kind: .number),
  ]

  private mutating func identityProvider() -> [Provider] {
    var members = ["name": JSONValue.string("default")]
    for variable in Self.providerVariables {
      members[variable.member] = json(variable)
    }
    var reader = ProviderReader(member: { members[$0] })
    let provider = reader.provider()
    for fault in reader.faults {
      let variable = Self.providerVariables.first { $0.member == fault.member }
      fail(variable?.name ?? "OIDC_ISSUER", fault.message)
    }
    return provider.map { [$0] } ?? []
  }

  private func json(_ variable: ProviderVariable) -> JSONValue? {
    guard let text = value(variable.name) else { return nil }
    switch variable.kind {
    case .text: return .string(text)
    case .list: return .array(list(variable.name).map(JSONValue.string))
    case .number: return Int64(text).map(JSONValue.integer) ?? .string(text)
    }
  }
}
