import Concurrency
import Foundation
import HTTPClient
import JOSE
import OIDC
import TestSupport
import Testing

/// A provider that answers over the network in whatever way harms most, beside one that is honest. The time limit is there
/// because a fetch without a bound would hang for ever; the bound itself is five seconds.
@Suite(.timeLimit(.minutes(1))) struct HostileProviderTests {
  let clock = FakeClock()
  let honest: FakeIdentityProvider

  init() throws {
    honest = try FakeIdentityProvider()
  }

  /// How the hostile provider answers; `own` is its address.
  struct Hostility: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let answer: @Sendable (_ own: String) -> LoopbackServer.Answer

    init(_ name: String, _ answer: @escaping @Sendable (_ own: String) -> LoopbackServer.Answer) {
      testDescription = name
      self.answer = answer
    }
  }

  private static func ok(_ body: String, _ headers: String = "") -> String {
    "HTTP/1.1 200 OK\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  private static func redirect(to place: String) -> Hostility {
    Hostility("a redirect to \(place)") { own in
      .bytes("HTTP/1.1 302 Found\r\nLocation: \(place)\r\nContent-Length: 0\r\n\r\n")
    }
  }

  private static let gzipBomb = Result {
    try ChildProcess.run("/bin/sh", ["-c", "head -c 100000000 /dev/zero | gzip -9 -c"])
  }

  static let hostilities: [Hostility] = [
    Hostility("50 MB, announced") { _ in
      .endless(
        "HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n",
        repeating: String(repeating: "x", count: 65_536))
    },
    Hostility("a body without an end") { _ in
      .endless("HTTP/1.1 200 OK\r\n\r\n", repeating: String(repeating: "x", count: 65_536))
    },
    Hostility("headers without an end") { _ in
      .endless("HTTP/1.1 200 OK\r\n", repeating: "X-Padding: xxxxxxxxxxxxxxxxxxxxxxxx\r\n")
    },
    Hostility("a byte at a time") { _ in .drip(ok(String(repeating: " ", count: 250_000))) },
    Hostility("silence") { _ in .silence },
    Hostility("a head and then silence") { _ in
      .bytes("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"keys\":[")
    },
    Hostility("an end before the end") { _ in
      .bytesThenClose("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"keys\":[")
    },
    Hostility("a page for people") { _ in
      .bytes(ok("<!DOCTYPE html><title>Sign in</title>", "Content-Type: text/html\r\n"))
    },
    Hostility("100 MB in gzip") { _ in
      let bomb = (try? gzipBomb.get()) ?? []
      let head =
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(bomb.count)\r\n\r\n"
      return .raw(Array(head.utf8) + bomb)
    },
    Hostility("no HTTP") { _ in .bytesThenClose("SSH-2.0-OpenSSH_9.2\r\n") },
    redirect(to: "http://169.254.169.254/latest/meta-data"), redirect(to: "file:///etc/passwd"),
    Hostility("a redirect to itself") { own in
      .bytes("HTTP/1.1 302 Found\r\nLocation: \(own)/jwks\r\nContent-Length: 0\r\n\r\n")
    },
  ]

  /// A hostile provider's place on the network, and its keys.
  private struct Scene {
    let server: LoopbackServer
    let hostile: FakeIdentityProvider
    let validator: TokenValidator
    /// Told of each request that reaches the hostile provider.
    let asked: DispatchSemaphore
  }

  /// `answer` gets the request and the provider's own address.
  private func scene(
    findsKeysByDiscovery: Bool = false,
    _ answer: @escaping @Sendable (_ request: String, _ own: String) -> LoopbackServer.Answer
  ) throws -> Scene {
    let asked = DispatchSemaphore(value: 0)
    let server = try LoopbackServer { request in
      let host = request.split(separator: "\r\n").first { $0.hasPrefix("Host: ") }?.dropFirst(6)
      defer { asked.signal() }
      return answer(request, "http://\(host ?? "")")
    }
    let hostile = FakeIdentityProvider(
      issuer: server.url, keys: [("ec-1", .es256, try PrivateKey(generating: .p256))])
    let terms = [
      Provider(
        name: "hostile", issuer: server.url, audiences: ["runner-token-service"],
        jwksURL: findsKeysByDiscovery ? nil : server.url + "/jwks"),
      Provider(name: "honest", issuer: honest.issuer, audiences: ["runner-token-service"]),
    ]
    let (honest, curl) = (honest, HTTPClient.curl())
    let validator = try TokenValidator(
      providers: terms,
      http: HTTPClient { request throws(HTTPClientError) in
        let isHonest = request.url.hasPrefix(honest.issuer + "/")
        return try (isHonest ? honest.http : curl).send(request)
      }, uptime: clock.uptime)
    return Scene(server: server, hostile: hostile, validator: validator, asked: asked)
  }

  private func isUnavailable(_ error: any Error) -> Bool {
    guard case TokenRefusal.providerUnavailable = error else { return false }
    return true
  }

  /// The key set that the provider would serve if it were honest, as an answer over the network.
  private func honestAnswer(_ provider: FakeIdentityProvider, _ path: String) throws -> String {
    let response = try provider.http.send(HTTPRequest(.get, provider.issuer + path))
    return Self.ok(String(decoding: response.body, as: UTF8.self))
  }

  @Test(arguments: hostilities)
  func `a provider that answers with something harmful is unavailable, and no other notices`(
    hostility: Hostility
  ) throws {
    let healed = Locked<String?>(nil)
    let scene = try scene { _, own in
      healed.withLock { $0 }.map { .bytes($0) } ?? hostility.answer(own)
    }
    defer { scene.server.stop() }
    let token = try scene.hostile.token(at: clock.date, keyID: "ec-1")
    let (validator, now) = (scene.validator, clock.date)
    let refusal = Locked<(any Error)?>(nil)
    let isDone = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      do { _ = try validator.validate(token, now: now) } catch {
        refusal.withLock { $0 = error }
      }
      isDone.signal()
    }
    scene.asked.wait()
    // The fetch is under way, or over.
    _ = try validator.validate(honest.token(at: now), now: now)
    isDone.wait()
    let error = try #require(refusal.withLock { $0 })
    #expect(isUnavailable(error), "\(error)")
    #expect(scene.server.requests.count == 1)

    let keySet = try honestAnswer(scene.hostile, "/jwks")
    healed.withLock { $0 = keySet }
    clock.advance(by: 6)
    #expect(throws: Never.self) { try validator.validate(token, now: clock.date) }
  }

  @Test(arguments: [
    "http://169.254.169.254/latest/meta-data", "http://example.com/jwks", "file:///etc/passwd",
    "gopher://127.0.0.1/", "ftp://127.0.0.1/jwks", "//evil.example/jwks", "/jwks", "",
    "https://user:password@127.0.0.1/jwks", "http://127.0.0.1.evil.example/jwks",
    "http://localhost.evil.example/jwks",
  ])
  func `a discovery document cannot send us where no keys may be`(place: String) throws {
    let discovered = Locked(place)
    let keySet = Locked("")
    let scene = try scene(findsKeysByDiscovery: true) { request, own in
      if request.hasPrefix("GET /jwks") { return .bytes(keySet.withLock { $0 }) }
      let uri = discovered.withLock { $0 }
      return .bytes(Self.ok("{\"issuer\":\"\(own)\",\"jwks_uri\":\"\(uri)\"}"))
    }
    defer { scene.server.stop() }
    let token = try scene.hostile.token(at: clock.date, keyID: "ec-1")
    #expect(
      performing: { try scene.validator.validate(token, now: clock.date) },
      throws: {
        guard case TokenRefusal.providerUnavailable(let reason) = $0 else { return false }
        return reason == "\(place): urlNotAllowed"
      })
    #expect(scene.server.requests.count == 1)

    let answer = try honestAnswer(scene.hostile, "/jwks")
    keySet.withLock { $0 = answer }
    discovered.withLock { $0 = scene.server.url + "/jwks" }
    clock.advance(by: 6)
    #expect(throws: Never.self) { try scene.validator.validate(token, now: clock.date) }
  }
}
