import JOSE
import Testing

struct Base64URLTests {
  /// RFC 4648 section 10, without the padding, and the two characters that differ from plain base64.
  @Test(
    arguments: [
      ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"),
      ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
    ])
  func `the vectors of RFC 4648 hold in both directions`(plain: String, encoded: String) {
    #expect(Base64URL.encode(Array(plain.utf8)) == encoded)
    #expect(Base64URL.decode(encoded) == Array(plain.utf8))
  }

  @Test func `the alphabet is the one for URLs`() {
    #expect(Base64URL.encode([0xFB, 0xEF, 0xFF]) == "--__")
    #expect(Base64URL.decode("--__") == [0xFB, 0xEF, 0xFF])
    #expect(Base64URL.decode("++//") == nil)
  }

  @Test(
    arguments: [
      "Zg==", "Zg=", "Zm8=", "Zm9v=", "=", "Z+8", "Z/8", "Zm 8", " Zm8", "Zm8 ", "Zm8\n", "Zm\r\n8",
      "Zm8\t", "Zm8\u{0}", "Zm8.", "Zm,8", "Zm8é", "\u{FEFF}Zm8",
    ])
  func `anything but the alphabet is refused`(text: String) {
    #expect(Base64URL.decode(text) == nil)
  }

  @Test(arguments: ["Z", "Zm9vY", "AAAAA", "A"])
  func `a length that no bytes have is refused`(text: String) {
    #expect(Base64URL.decode(text) == nil)
  }

  @Test func `only one last character of four or sixteen stands for the bytes`() {
    let accepted = { (prefix: String) in
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".filter {
        Base64URL.decode(prefix + String($0)) != nil
      }
    }
    #expect(accepted("Z") == "AQgw")
    #expect(accepted("Zm") == "AEIMQUYcgkosw048")
    #expect(accepted("Zm9").count == 64)
  }

  @Test func `every byte at every place survives a round trip`() {
    for length in 0...5 {
      for byte in UInt8.min...UInt8.max {
        let bytes = [UInt8](repeating: byte, count: length)
        #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
      }
    }
  }
}
