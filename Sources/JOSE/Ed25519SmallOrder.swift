/// The points of Ed25519 whose order divides 8. As a public key they are worthless: with the neutral element, for
/// example, anybody can make a signature that holds for every message. No honest generator makes one, and RFC 8032
/// leaves it to the application to refuse them.
enum Ed25519SmallOrder {
  /// The y coordinates of these points, little-endian, and the two that can be written a second time above the field's
  /// prime. The sign of x, the highest bit, is left out.
  static let encodings: Set<[UInt8]> = {
    func bytes(first: UInt8, middle: UInt8, last: UInt8) -> [UInt8] {
      [first] + [UInt8](repeating: middle, count: 30) + [last]
    }
    return [
      bytes(first: 0x00, middle: 0x00, last: 0x00),  // 0, order 4
      bytes(first: 0x01, middle: 0x00, last: 0x00),  // 1, the neutral element
      bytes(first: 0xEC, middle: 0xFF, last: 0x7F),  // -1, order 2
      bytes(first: 0xED, middle: 0xFF, last: 0x7F),  // 0 again
      bytes(first: 0xEE, middle: 0xFF, last: 0x7F),  // 1 again
      // Order 8, and its negative.
      [
        0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98,
        0xF0, 0xD5, 0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53,
        0xFC, 0x05,
      ],
      [
        0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67,
        0x0F, 0x2A, 0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC,
        0x03, 0x7A,
      ],
    ]
  }()

  /// Whether `key`, 32 bytes, encodes one of them.
  static func contains(_ key: [UInt8]) -> Bool {
    guard let last = key.last else { return false }
    return encodings.contains(key.dropLast() + [last & 0x7F])
  }
}
