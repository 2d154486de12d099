import FastCGI
import TestSupport
import TokenService

extension Service {
  /// The response to a request, which is recorded for scripts/check-api.
  func recordedResponse(to request: Request) -> Response {
    let response = respond(to: request)
    guard APIExchangeRecorder.isOn else { return response }
    let body: [UInt8] = if case .complete(let bytes) = request.body { bytes } else { [] }
    APIExchangeRecorder.record(
      request.parameters.method, request.parameters.requestURI,
      headers: request.parameters.headers, body: body, status: response.status,
      responseHeaders: response.headers.map { ($0.name, $0.value) }, responseBody: response.body,
      isPublic: false)
    return response
  }
}

extension Parameters {
  /// The headers of the client among the variables.
  fileprivate var headers: [APIExchangeRecorder.Header] {
    let names = [
      "CONTENT_TYPE": "content-type", "HTTP_ACCEPT": "accept",
      "HTTP_AUTHORIZATION": "authorization", "HTTP_IF_MATCH": "if-match",
      "HTTP_IF_NONE_MATCH": "if-none-match", "HTTP_X_GITHUB_EVENT": "x-github-event",
      "HTTP_X_GITHUB_DELIVERY": "x-github-delivery",
      "HTTP_X_HUB_SIGNATURE_256": "x-hub-signature-256",
    ]
    return names.flatMap { variable, name in all(variable).map { (name, $0) } }
  }
}
