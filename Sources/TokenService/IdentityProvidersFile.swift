import Foundation
import OIDC
import Storage
import StrictJSON

/// The file that `OIDC_PROVIDERS_FILE` names: `{"providers": [{"name": …, "issuer": …, …}, …]}`.
struct IdentityProvidersFile {
  let path: String

  /// The providers, in the order of the file, and everything that is wrong with it.
  func read() -> (providers: [Provider], faults: [String]) {
    let elements: [JSONValue]
    do { elements = try content() } catch { return ([], [error.reason]) }
    var providers: [Provider] = []
    var faults: [String] = []
    for (index, element) in elements.enumerated() {
      let place = "\(path): providers[\(index)]"
      guard let object = element.object else {
        faults.append("\(place) must be an object")
        continue
      }
      var reader = ProviderReader(member: { object[$0] })
      let provider = reader.provider()
      reader.refuseOthers(of: object)
      faults += reader.faults.map { "\(place).\($0.member) \($0.message)" }
      if let provider { providers.append(provider) }
    }
    return (providers, faults + repetitions(in: providers))
  }

  private struct Fault: Error {
    let reason: String
  }

  private func content() throws(Fault) -> [JSONValue] {
    let file: OpenedFile
    do { file = try OpenedFile(path: path, flags: O_NONBLOCK) } catch {
      throw Fault(reason: error.reason(at: path))
    }
    guard file.isRegular else { throw Fault(reason: "\(path) is not a file") }
    guard file.mode & 0o002 == 0 else {
      throw Fault(reason: "\(path) can be changed by anybody; run chmod o-w \(path)")
    }
    let bytes: [UInt8]
    do { bytes = try file.contents() } catch {
      throw Fault(reason: "\(path) cannot be read: \(error)")
    }
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes) } catch {
      throw Fault(reason: "\(path) is not JSON: \(error)")
    }
    guard let object = json.object, object.members.count == 1,
      let providers = object["providers"]?.array, !providers.isEmpty
    else {
      throw Fault(
        reason: "\(path) must be an object with one member, providers, a list that is not empty")
    }
    return providers
  }

  /// A token says only who issued it, so two providers with one issuer could not be told apart.
  private func repetitions(in providers: [Provider]) -> [String] {
    var faults: [String] = []
    for (index, provider) in providers.enumerated() {
      let others = providers[..<index]
      if others.contains(where: { $0.issuer.hasSameUTF8(as: provider.issuer) }) {
        faults.append("\(path): two providers have the issuer \(provider.issuer)")
      }
      if others.contains(where: { $0.name == provider.name }) {
        faults.append("\(path): two providers have the name \(provider.name)")
      }
    }
    return faults
  }
}
