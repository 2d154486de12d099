public import COpenSSL

/// A key made by OpenSSL directly, for the kinds that `PrivateKey` would not make, and for every PEM form.
public final class TestKey: @unchecked Sendable {
  public enum Form {
    /// `BEGIN RSA PRIVATE KEY` or `BEGIN EC PRIVATE KEY`.
    case traditional
    case pkcs8
    /// PKCS#8 under this passphrase.
    case encryptedPKCS8(String)
    /// PKCS#1 with the old `DEK-Info` header, under this passphrase.
    case encryptedTraditional(String)
    /// The public half.
    case publicKey
  }

  private let key: OpaquePointer

  private init(_ algorithm: String, _ configure: (OpaquePointer) -> Int32) {
    let context = EVP_PKEY_CTX_new_from_name(nil, algorithm, nil)!
    defer { EVP_PKEY_CTX_free(context) }
    precondition(EVP_PKEY_keygen_init(context) == 1)
    precondition(configure(context) == 1)
    var key: OpaquePointer?
    precondition(EVP_PKEY_generate(context, &key) == 1)
    self.key = key!
  }

  public convenience init(rsaBits: Int32) {
    self.init("RSA") { EVP_PKEY_CTX_set_rsa_keygen_bits($0, rsaBits) }
  }

  /// An RSA key that its encoding restricts to PSS (`id-RSASSA-PSS`).
  public convenience init(pssBits: Int32) {
    self.init("RSA-PSS") { EVP_PKEY_CTX_set_rsa_keygen_bits($0, pssBits) }
  }

  public convenience init(curve: String) {
    self.init("EC") { EVP_PKEY_CTX_set_group_name($0, curve) }
  }

  public convenience init(named algorithm: String) {
    self.init(algorithm) { _ in 1 }
  }

  deinit { EVP_PKEY_free(key) }

  public func pem(_ form: Form) -> [UInt8] {
    let sink = BIO_new(BIO_s_mem())!
    defer { BIO_free(sink) }
    let code: Int32
    switch form {
    case .traditional:
      code = PEM_write_bio_PrivateKey_traditional(sink, key, nil, nil, 0, nil, nil)
    case .pkcs8:
      code = PEM_write_bio_PKCS8PrivateKey(sink, key, nil, nil, 0, nil, nil)
    case .encryptedPKCS8(let passphrase):
      code = PEM_write_bio_PKCS8PrivateKey(
        sink, key, EVP_aes_256_cbc(), passphrase, Int32(passphrase.utf8.count), nil, nil)
    case .encryptedTraditional(let passphrase):
      code = PEM_write_bio_PrivateKey_traditional(
        sink, key, EVP_aes_256_cbc(), Array(passphrase.utf8), Int32(passphrase.utf8.count), nil,
        nil)
    case .publicKey:
      code = PEM_write_bio_PUBKEY(sink, key)
    }
    precondition(code == 1)
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = BIO_read(sink, &bytes, Int32(bytes.count))
    return Array(bytes.prefix(Int(count)))
  }

  /// A number of an RSA key, big-endian: `n`, `e`, `d`.
  public func number(_ name: String) -> [UInt8] {
    var number: OpaquePointer?
    precondition(EVP_PKEY_get_bn_param(key, name, &number) == 1)
    defer { BN_free(number) }
    var bytes = [UInt8](repeating: 0, count: Int(BN_num_bits(number) + 7) / 8)
    BN_bn2bin(number, &bytes)
    return bytes
  }

  /// A signature as OpenSSL makes it: PKCS#1 v1.5 for RSA, or PSS where a salt length is given, DER for ECDSA.
  public func opensslSignature(
    over message: [UInt8], digest: OpaquePointer? = EVP_sha256(), pssSaltSize: Int32? = nil,
    mgf1: OpaquePointer? = nil
  ) -> [UInt8] {
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    var size = 1024
    var signature = [UInt8](repeating: 0, count: size)
    var keyContext: OpaquePointer?
    precondition(EVP_DigestSignInit(context, &keyContext, digest, nil, key) == 1)
    if let pssSaltSize {
      precondition(EVP_PKEY_CTX_set_rsa_padding(keyContext, RSA_PKCS1_PSS_PADDING) == 1)
      precondition(EVP_PKEY_CTX_set_rsa_pss_saltlen(keyContext, pssSaltSize) == 1)
      precondition(EVP_PKEY_CTX_set_rsa_mgf1_md(keyContext, mgf1 ?? digest) == 1)
    }
    precondition(EVP_DigestSign(context, &signature, &size, message, message.count) == 1)
    return Array(signature.prefix(size))
  }

  /// HMAC-SHA-256 of `message` under `secret`.
  public static func hmac(_ message: [UInt8], secret: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    let result = EVP_Q_mac(
      nil, "HMAC", nil, "SHA256", nil, secret, secret.count, message, message.count, &digest,
      digest.count, nil)
    precondition(result != nil)
    return digest
  }
}
