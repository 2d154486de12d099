#!/usr/bin/env python3
"""Writes tokens.json beside this file: tokens and key sets made by joserfc, which shares no code with
ours, and what a verifier that allows all nine algorithms must say to each of them.

    python3 -m venv /tmp/vectors && /tmp/vectors/bin/pip install joserfc
    /tmp/vectors/bin/python Tests/JOSETests/Vectors/make-vectors.py

The keys follow from the names in this file, so that RS* and EdDSA come out the same every time. PS* and
ES* sign with fresh random numbers.
"""

import base64
import hashlib
import hmac
import itertools
import json
import pathlib
import warnings
from importlib.metadata import version

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jwk, jws

# joserfc warns that RFC 9864 prefers the name Ed25519 to EdDSA. Providers still say EdDSA.
warnings.filterwarnings("ignore", message=".*EdDSA.*")

OTHER_HASH = {"RS256": "RS384", "RS384": "RS512", "RS512": "RS256", "PS256": "PS384",
              "PS384": "PS512", "PS512": "PS256"}
OTHER_PADDING = {"RS256": "PS256", "RS384": "PS384", "RS512": "PS512", "PS256": "RS256",
                 "PS384": "RS384", "PS512": "RS512"}
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
# One of each kind of key gets the cases that have nothing to do with the algorithm.
FULL = ["RS256", "ES256", "EdDSA"]
PAYLOAD = b'{"sub":"alice"}'


# Keys


def stream(seed):
    """Endless bytes that follow from the seed, 32 at a time."""
    for counter in itertools.count():
        yield hashlib.sha256(f"{seed}/{counter}".encode()).digest()


def is_prime(n):
    if any(n % p == 0 for p in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)):
        return False
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in range(2, 42):
        x = pow(base, odd, n)
        if x in (1, n - 1):
            continue
        if not any((x := x * x % n) == n - 1 for _ in range(twos - 1)):
            return False
    return True


def prime(blocks):
    """1024 bits, the two highest and the lowest set."""
    while True:
        n = int.from_bytes(b"".join(itertools.islice(blocks, 4)), "big") | 3 << 1022 | 1
        if n % 65537 != 1 and is_prime(n):
            return n


def private_key(algorithm, name):
    blocks = stream(f"{algorithm}/{name}")
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.from_private_bytes(next(blocks))
    if algorithm in ("ES256", "ES384"):
        curve, size = (ec.SECP256R1(), 31) if algorithm == "ES256" else (ec.SECP384R1(), 47)
        number = int.from_bytes(next(blocks) + next(blocks), "big") % 2 ** (8 * size)
        return ec.derive_private_key(number, curve)
    p, q = prime(blocks), prime(blocks)
    d = pow(65537, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(65537, p * q))
    return numbers.private_key()


def pem(key, private):
    if private:
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def imported(key):
    kind = {rsa.RSAPrivateKey: jwk.RSAKey, ec.EllipticCurvePrivateKey: jwk.ECKey,
            ed25519.Ed25519PrivateKey: jwk.OKPKey}
    return next(c for t, c in kind.items() if isinstance(key, t)).import_key(pem(key, True))


def public_jwk(key, **members):
    return {**imported(key).as_dict(private=False), **members}


# Tokens


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text(value):
    return json.dumps(value, separators=(",", ":")).encode()


def signature(algorithm, key, signing_input):
    """By joserfc's algorithm alone, past what its API lets into a header."""
    return jws.JWSRegistry.algorithms[algorithm].sign(signing_input.encode(), imported(key))


def token(header, algorithm, key, payload=PAYLOAD):
    """`header` is a dict, or the bytes of one that is out of order."""
    header = header if isinstance(header, bytes) else text(header)
    signing_input = encoded(header) + "." + encoded(payload)
    return signing_input + "." + encoded(signature(algorithm, key, signing_input))


def proper_token(header, key):
    """By joserfc's API, which must also verify it."""
    algorithm = header["alg"]
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    result = jws.serialize_compact(header, PAYLOAD, imported(key), registry=registry)
    jws.deserialize_compact(result, imported(key), registry=registry)
    return result


# Cases


class Vectors:
    def __init__(self):
        self.key_sets = {}
        self.tokens = []

    def key_set(self, name, *keys):
        self.key_sets[name] = {"keys": list(keys)}

    def add(self, valid, key_set, comment, value):
        self.tokens.append(
            {"comment": comment, "keySet": key_set, "valid": valid, "token": value})


def changed(value, segment, change):
    segments = value.split(".")
    segments[segment] = encoded(change(decoded(segments[segment])))
    return ".".join(segments)


def flipped(data):
    return data[:-1] + bytes([data[-1] ^ 1])


def every_algorithm(vectors, a, key, attacker):
    kid = a.lower()
    header = {"alg": a, "kid": kid}
    good = proper_token(header, key)

    def accept(comment, value, key_set=a):
        vectors.add(True, key_set, f"{a}: {comment}", value)

    def refuse(comment, value, key_set=a):
        vectors.add(False, key_set, f"{a}: {comment}", value)

    vectors.key_set(a, public_jwk(key, kid=kid, alg=a, use="sig"))
    accept("valid", good)

    refuse("payload tampered with", changed(good, 1, lambda _: b'{"sub":"admin"}'))
    refuse("header tampered with", changed(good, 0, lambda _: text({"alg": a})))
    refuse("one bit of the signature", changed(good, 2, flipped))
    refuse("signature one byte short", changed(good, 2, lambda s: s[:-1]))
    refuse("signature one byte long", changed(good, 2, lambda s: s + b"\0"))
    refuse("signature with a zero in front", changed(good, 2, lambda s: b"\0" + s))
    refuse("another key under the same kid", token(header, a, attacker))
    refuse("alg none, no signature", encoded(text({"alg": "none", "kid": kid})) + "."
           + encoded(PAYLOAD) + ".")
    confused = encoded(text({"alg": "HS256", "kid": kid})) + "." + encoded(PAYLOAD)
    secret = hmac.new(pem(key, False), confused.encode(), "sha256").digest()
    refuse("HS256 with the public key as the secret", confused + "." + encoded(secret))

    if a in OTHER_HASH:
        unrestricted = a + " unrestricted"
        vectors.key_set(unrestricted, public_jwk(key, kid=kid))
        accept("a JWK without alg", good, unrestricted)
        for other in (OTHER_HASH[a], OTHER_PADDING[a]):
            refuse(f"signed as {other}", token(header, other, key), unrestricted)
            refuse(f"{other} with a JWK for {a}",
                   proper_token({"alg": other, "kid": kid}, key))
    else:
        for other in ALGORITHMS:
            if other in ("RS256", "ES256", "ES384", "EdDSA") and other != a:
                refuse(f"renamed to {other}",
                       changed(good, 0, lambda _: text({"alg": other, "kid": kid})))
    if a in ("ES256", "ES384"):
        def der(raw):
            half = len(raw) // 2
            return encode_dss_signature(
                int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
        refuse("signature in DER", changed(good, 2, der))
        refuse("R and S zero", changed(good, 2, lambda s: bytes(len(s))))


def every_kind_of_key(vectors, a, key, attacker):
    kid = a.lower()
    good = proper_token({"alg": a, "kid": kid}, key)

    def case(valid, comment, value, key_set=a):
        vectors.add(valid, key_set, f"{a}: {comment}", value)

    def signed(**members):
        return token({"alg": a, "kid": kid, **members}, a, key)

    case(True, "without kid, where one key fits", proper_token({"alg": a}, key))
    case(True, "typ and a member that nobody knows", signed(typ="at+jwt", **{"x-mark": 1}))
    case(True, "attacker's key in the header is ignored", signed(jwk=public_jwk(attacker)))
    case(True, "white space in the header",
         token(b'{ "alg" : "%s",\r\n\t"kid" : "%s" }' % (a.encode(), kid.encode()), a, key))
    case(False, "alg none, signature kept",
         changed(good, 0, lambda _: text({"alg": "none", "kid": kid})))
    case(False, "attacker's key in the header (jwk)",
         token({"alg": a, "kid": kid, "jwk": public_jwk(attacker)}, a, attacker))
    case(False, "jku of the attacker",
         token({"alg": a, "kid": kid, "jku": "https://attacker.example"}, a, attacker))
    case(False, "crit with an unknown name", signed(crit=["x-mark"], **{"x-mark": 1}))
    case(False, "crit that is empty", signed(crit=[]))
    case(False, "b64 false with crit", signed(crit=["b64"], b64=False))
    case(False, "b64 false without crit", signed(b64=False))
    case(False, "b64 true", signed(b64=True))
    case(False, "zip", signed(zip="DEF"))
    case(False, "cty", signed(cty="JWT"))
    case(False, "alg twice",
         token(b'{"alg":"none","alg":"%s","kid":"%s"}' % (a.encode(), kid.encode()), a, key))
    case(False, "kid of no key", token({"alg": a, "kid": "other"}, a, key))
    case(False, "kid is a number", token({"alg": a, "kid": 1}, a, key))
    case(False, "alg in lower case", token({"alg": a.lower(), "kid": kid}, a, key))
    case(False, "padding", good + "=" * (-len(good.split(".")[2]) % 4 or 4))
    case(False, "line break", good + "\n")
    case(False, "two more segments, as JWE has", good + ".AA.AA")

    own = public_jwk(key, kid=kid)
    for name, keys in {
        "duplicate kid": [own, public_jwk(attacker, kid=kid)],
        "the same key twice": [own, own],
        "use enc": [{**own, "use": "enc"}],
        "key_ops sign": [{**own, "key_ops": ["sign"]}],
        "alg of another kind": [{**own, "alg": "ES256" if a != "ES256" else "RS256"}],
        "alg unknown": [{**own, "alg": "HS256"}],
        "with a private member": [{**own, "d": "AQAB"}],
        "no keys": [],
    }.items():
        vectors.key_set(f"{a} {name}", *keys)
        case(False, name, good, f"{a} {name}")
    vectors.key_set(f"{a} among others", {"kty": "oct", "k": "AAAA", "kid": kid}, own,
                    public_jwk(attacker, kid="other"), {"kty": "unknown"})
    case(True, "among other keys", good, f"{a} among others")


def main():
    vectors = Vectors()
    rsa_keys = [private_key("RSA", "signer"), private_key("RSA", "attacker")]
    for a in ALGORITHMS:
        key, attacker = rsa_keys if a in OTHER_HASH else [
            private_key(a, "signer"), private_key(a, "attacker")]
        every_algorithm(vectors, a, key, attacker)
        if a in FULL:
            every_kind_of_key(vectors, a, key, attacker)
    made_by = "make-vectors.py with " + ", ".join(
        f"{name} {version(name)}" for name in ("joserfc", "cryptography"))
    lines = ",\n".join(text(entry).decode() for entry in vectors.tokens)
    sets = ",\n".join(f"{json.dumps(k)}:{text(v).decode()}" for k, v in vectors.key_sets.items())
    pathlib.Path(__file__).with_name("tokens.json").write_text(
        f'{{"madeBy": {json.dumps(made_by)},\n"keySets": {{\n{sets}\n}},\n'
        f'"tokens": [\n{lines}\n]}}\n')
    valid = sum(entry["valid"] for entry in vectors.tokens)
    print(f"{len(vectors.tokens)} tokens, {valid} of them valid, "
          f"{len(vectors.key_sets)} key sets, {made_by}")


main()
