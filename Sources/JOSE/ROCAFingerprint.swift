/// The fingerprint of RSA keys from a faulty generator of smart cards and TPMs (ROCA, CVE-2017-15361; Nemec and others,
/// "The Return of Coppersmith's Attack", 2017). Their private half can be computed from the public one.
///
/// To be fast, that generator made its primes as k * M + (65537^a mod M), where M is the product of all primes up to
/// some limit. So each prime of the key, and with them the modulus, is a power of 65537 modulo every small prime up to
/// that limit: it lies in the subgroup that 65537 generates. For keys of 1984 bits and more the limit is 701 or higher;
/// shorter ones we do not take at all.
///
/// The modulus of an honest key is as good as random modulo each small prime p and lies in the subgroup with
/// probability (order of 65537 modulo p) / (p - 1). Over all p up to 701 that multiplies to 4.4e-51, about 2^-167: no
/// honest key is refused by chance.
enum ROCAFingerprint {
  static let smallPrimes: [Int] = (3...701).filter { candidate in
    !(2..<candidate).prefix { $0 * $0 <= candidate }.contains { candidate % $0 == 0 }
  }

  /// Whether the big-endian `modulus` lies in the subgroup modulo every small prime.
  static func matches(modulus: [UInt8]) -> Bool {
    smallPrimes.allSatisfy { prime in
      isPower(of: 65537, remainder(of: modulus, by: prime), modulo: prime)
    }
  }

  private static func remainder(of number: [UInt8], by divisor: Int) -> Int {
    number.reduce(0) { remainder, byte in (remainder << 8 | Int(byte)) % divisor }
  }

  private static func isPower(of generator: Int, _ element: Int, modulo prime: Int) -> Bool {
    var power = 1
    repeat {
      if power == element { return true }
      power = power * generator % prime
    } while power != 1
    return false
  }
}
