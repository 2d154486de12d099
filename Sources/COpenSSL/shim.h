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
#include <openssl/pem.h>
#include <openssl/rsa.h>

// A macro of casts, which Swift does not import.
static const int shim_evp_pkey_public_key = EVP_PKEY_PUBLIC_KEY;

// OSSL_PARAM_BLD keeps pointers to these names and values, where Swift would pass a copy that is gone after the call.
static const char *const shim_rsa_modulus = OSSL_PKEY_PARAM_RSA_N;
static const char *const shim_rsa_exponent = OSSL_PKEY_PARAM_RSA_E;
static const char *const shim_group_name = OSSL_PKEY_PARAM_GROUP_NAME;
static const char *const shim_public_key = OSSL_PKEY_PARAM_PUB_KEY;
static const char *const shim_p256 = "prime256v1";

#endif
