import FastCGI
import Foundation
import JOSE
import StrictJSON
import Testing

@testable import github_simulator

@Suite struct AppAuthenticationTests {
  let world: World

  init() throws {
    world = try World()
  }

  private func app(_ token: String?, headers: [String: String] = [:]) -> Response {
    world.send("GET", "/api/v3/app", token: token, headers: headers)
  }

  @Test(arguments: ["12345", #""12345""#])
  func `an App JWT with the app id as number or text is accepted`(issuer: String) throws {
    let response = app(try world.appJWT(issuer: issuer))
    #expect(response.status == 200)
    #expect(try response.object["id"]?.integer == 12_345)
    #expect(try response.object["node_id"]?.string != nil)
  }

  @Test func `an expired App JWT is refused`() throws {
    let response = app(try world.appJWT(expiry: String(world.now.unixSeconds)))
    #expect(response.status == 401)
    #expect(
      response.message?.hasPrefix("'Expiration time' claim ('exp') must be a numeric") == true)
  }

  @Test func `an App JWT that expires in ten minutes is accepted`() throws {
    #expect(app(try world.appJWT(expiry: String(world.now.unixSeconds + 600))).status == 200)
  }

  @Test func `an App JWT that expires later than in ten minutes is refused`() throws {
    let response = app(try world.appJWT(expiry: String(world.now.unixSeconds + 601)))
    #expect(response.status == 401)
    #expect(response.message == "'Expiration time' claim ('exp') is too far in the future")
  }

  @Test func `an App JWT issued in the future is refused`() throws {
    let response = app(try world.appJWT(issuedAt: String(world.now.unixSeconds + 1)))
    #expect(response.status == 401)
    #expect(response.message?.hasPrefix("'Issued at' claim ('iat') must be an Integer") == true)
  }

  @Test func `an App JWT with a fractional issue time is refused`() throws {
    #expect(app(try world.appJWT(issuedAt: "1794999940.5")).status == 401)
  }

  @Test func `an App JWT of another app is not found`() throws {
    let response = app(try world.appJWT(issuer: "54321"))
    #expect(response.status == 404)
    #expect(response.message == "Integration not found")
  }

  @Test func `an App JWT signed with another key cannot be decoded`() throws {
    let response = app(try world.appJWT(key: PrivateKey(generating: .rsa)))
    #expect(response.status == 401)
    #expect(response.message == "A JSON web token could not be decoded")
  }

  @Test func `an App JWT whose scheme is not Bearer is refused`() throws {
    let response = app(nil, headers: ["Authorization": "token \(try world.appJWT())"])
    #expect(response.status == 401)
  }

  @Test func `a request without credentials requires authentication`() {
    let response = app(nil)
    #expect(response.status == 401)
    #expect(response.message == "Requires authentication")
  }
}
