#ifndef COPENSSL_SHIM_H
#define COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

// A macro of casts, which Swift does not import.
static const int shim_evp_pkey_public_key = EVP_PKEY_PUBLIC_KEY;

// OSSL_PARAM_BLD keeps the pointers that it is given, the names of the parameters and of the curve among them, until the
// key is made. A string that Swift passes to C lives only as long as the call, so these are literals of C.

static inline int shim_push_rsa_public_key(OSSL_PARAM_BLD *builder, const BIGNUM *n, const BIGNUM *e) {
  return OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1
    && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1;
}

static inline const char *shim_p256_group_name(void) { return SN_X9_62_prime256v1; }
static inline const char *shim_p384_group_name(void) { return SN_secp384r1; }

// `group` is one of the two above. `point` must outlive the builder.
static inline int shim_push_ec_public_key(
    OSSL_PARAM_BLD *builder, const char *group, const unsigned char *point, size_t size) {
  return OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1
    && OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, size) == 1;
}

// The digest of a MAC is a parameter that points to its name, for the length of the call.
static inline int shim_hmac_sha256_init(EVP_MAC_CTX *context, const unsigned char *key, size_t size) {
  char digest[] = "SHA256";
  OSSL_PARAM parameters[] = {
    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
    OSSL_PARAM_construct_end(),
  };
  return EVP_MAC_init(context, key, size, parameters);
}

#endif
