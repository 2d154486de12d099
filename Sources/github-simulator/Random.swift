/// Made-up secrets and names. They look like the real ones and open nothing.
enum Random {
  static func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: .min ... .max) }
  }

  /// 29 upper-case letters and digits.
  static func registrationToken() -> String {
    text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", count: 29)
  }

  static func hex(_ count: Int) -> String {
    text("0123456789ABCDEF", count: count)
  }

  private static func text(_ alphabet: String, count: Int) -> String {
    String((0..<count).compactMap { _ in alphabet.randomElement() })
  }
}
