import Foundation
import Runners
import StrictJSON

/// Reads from a payload what the service acts on. Members that it does not know are GitHub's right; ids must be what they
/// should be.
struct WebhookPayload {
  let object: JSONObject

  /// Whether it is about the App's installation in the organization.
  func isAbout(installation: Int64, of organization: String) -> Bool {
    guard self["installation", "id"]?.integer == installation else { return false }
    // A payload about a repository may have no member `organization`, one about the installation has an account.
    let logins = [
      self["organization", "login"], self["repository", "owner", "login"],
      self["installation", "account", "login"],
    ].compactMap { $0?.string }
    return !logins.isEmpty && logins.allSatisfy { $0.lowercased() == organization.lowercased() }
  }

  /// The job, if it has come to a runner and this is the beginning or the end of it.
  func workflowJob(_ action: String) throws(ServiceError) -> WorkflowJob? {
    guard let action = WorkflowJob.Action(rawValue: action) else { return nil }
    guard let id = try id("workflow_job", "id") else {
      throw .badRequest("The payload of workflow_job must have the id of a job.")
    }
    // GitHub writes a runner that is none as null, 0 or empty text.
    guard let runnerID = try self.id("workflow_job", "runner_id"),
      let name = self["workflow_job", "runner_name"]?.string, !name.isEmpty,
      self["workflow_job", "runner_group_name"]?.string != "GitHub Actions"
    else { return nil }
    let time = action == .completed ? "completed_at" : "started_at"
    return WorkflowJob(
      id: id, action: action, githubRunnerID: runnerID, runnerName: name,
      happenedAt: timestamp("workflow_job", time))
  }

  /// What happened to the installation, if the App can do less or more since. Other events name the installation by its id
  /// only; the account shows that this is the one about the installation itself, since the event's name is not signed.
  func installationEvent(_ action: String) throws(ServiceError) -> InstallationEvent? {
    guard let action = InstallationEvent.Action(rawValue: action),
      self["installation", "account", "login"] != nil,
      let id = try id("installation", "id")
    else { return nil }
    let time = action == .suspend ? timestamp("installation", "suspended_at") : nil
    return InstallationEvent(
      installationID: id, action: action,
      happenedAt: time ?? timestamp("installation", "updated_at"))
  }

  subscript(path: String...) -> JSONValue? { value(path) }

  private func value(_ path: [String]) -> JSONValue? {
    var value: JSONValue? = .object(object)
    for name in path { value = value?.object?[name] }
    return value
  }

  /// nil where there is none.
  private func id(_ path: String...) throws(ServiceError) -> Int64? {
    switch value(path) {
    case nil, .null, .integer(0): return nil
    case .string(let text) where text.isEmpty: return nil
    case .integer(let id) where id > 0: return id
    default:
      throw .badRequest("The payload's \(path.joined(separator: ".")) must be a positive number.")
    }
  }

  /// GitHub writes most times as text, and some in seconds since 1970.
  private func timestamp(_ path: String...) -> Timestamp? {
    switch value(path) {
    case .string(let text): Timestamp(text)
    case .integer(let seconds) where (0...253_402_300_799).contains(seconds):
      Timestamp(milliseconds: seconds * 1000)
    default: nil
    }
  }
}
