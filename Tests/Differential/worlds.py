"""The issuers whose tokens are compared: their keys, and the terms on which both sides judge."""

import base64
import json
import secrets
import warnings
from dataclasses import dataclass, field
from typing import Any

from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

# Weak keys and old algorithms are here on purpose.
warnings.simplefilter("ignore", SecurityWarning)

# The algorithms of joserfc that the service has or may get, and the kind of key that each goes with.
KEY_OF_ALGORITHM = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}


def base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def sign(algorithm: str, key: Key, signing_input: bytes) -> bytes:
    return JWSRegistry.algorithms[algorithm].sign(signing_input, key)


@dataclass
class Signer:
    """A key that tokens are signed with, and how their header names it."""

    key_id: str | None
    algorithm: str
    key: Key


@dataclass
class World:
    """One issuer, and on what terms its tokens are accepted."""

    name: str
    issuer: str
    audiences: list[str]
    algorithms: list[str]
    leeway: int
    now: float
    keys: list[dict[str, Any]] = field(default_factory=list)
    # Whose tokens are good.
    signers: list[Signer] = field(default_factory=list)
    # Whose tokens are good for nothing, or only to a careless reader.
    odd_signers: list[Signer] = field(default_factory=list)

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "audiences": self.audiences,
            "algorithms": self.algorithms,
            "leeway": self.leeway,
            "now": self.now,
            "keySet": json.dumps({"keys": self.keys}),
        }

    def publish(self, key: Key, **members: Any) -> dict[str, Any]:
        jwk = {**key.as_dict(private=False), **members}
        self.keys.append(jwk)
        return jwk

    def add(self, key_id: str | None, algorithm: str, bound: bool = True, **members: Any) -> Key:
        """A good key: published, and signing. `bound` to its algorithm alone."""
        key = new_key(algorithm)
        if key_id is not None:
            members["kid"] = key_id
        if bound:
            members["alg"] = algorithm
        self.publish(key, **members)
        self.signers.append(Signer(key_id, algorithm, key))
        return key

    def add_odd(self, key_id: str, algorithm: str, key: Key, **members: Any) -> None:
        self.publish(key, kid=key_id, **members)
        self.odd_signers.append(Signer(key_id, algorithm, key))


def new_key(algorithm: str) -> Key:
    kind, curve = KEY_OF_ALGORITHM[algorithm]
    if kind == "RSA":
        return RSAKey.generate_key(2048)
    return ECKey.generate_key(curve) if kind == "EC" else OKPKey.generate_key(curve)


def add_decoys(world: World) -> None:
    """Keys that no token may be verified with, and that must not spoil the others."""
    world.publish(RSAKey.generate_key(2048), kid="rsa-1", use="enc")
    world.add_odd("encryption", "RS256", RSAKey.generate_key(2048), use="enc")
    world.add_odd("weak", "RS256", RSAKey.generate_key(1024))
    world.add_odd("other-operation", "ES256", ECKey.generate_key("P-256"), key_ops=["deriveKey"])
    world.add_odd("pss-only", "RS256", RSAKey.generate_key(2048), alg="PS256")
    world.add_odd("P-384", "ES384", ECKey.generate_key("P-384"))
    world.add_odd("P-521", "ES512", ECKey.generate_key("P-521"))
    world.add_odd("Ed448", "EdDSA", OKPKey.generate_key("Ed448"))
    world.publish(OKPKey.generate_key("X25519"), kid="X25519")

    # A private key that got into the key set: whoever reads the set can sign with it.
    leaked = ECKey.generate_key("P-256")
    world.keys.append({**leaked.as_dict(private=True), "kid": "leaked"})
    world.odd_signers.append(Signer("leaked", "ES256", leaked))

    # Keys of different types may share a name (RFC 7517 section 4.5); of the same type they are ambiguous.
    world.add_odd("shared", "RS256", RSAKey.generate_key(2048))
    world.add_odd("shared", "ES256", ECKey.generate_key("P-256"))
    world.add_odd("twin", "RS256", RSAKey.generate_key(2048))
    world.add_odd("twin", "RS256", RSAKey.generate_key(2048))

    symmetric = OctKey.generate_key(256)
    world.keys.append({**symmetric.as_dict(private=True), "kid": "oct", "alg": "HS256"})
    world.odd_signers.append(Signer("oct", "HS256", symmetric))
    unknown = {"kty": "AKP", "alg": "ML-DSA-44", "kid": "post-quantum"}
    off_curve = ECKey.generate_key("P-256").as_dict(private=False)
    off_curve.update(kid="off-curve", y=base64url(secrets.token_bytes(32)).decode())
    exponent_one = RSAKey.generate_key(2048).as_dict(private=False)
    exponent_one.update(kid="exponent-one", e="AQ")
    world.keys += [unknown, off_curve, exponent_one]
    # Signs, but nobody published it.
    world.odd_signers.append(Signer("rsa-1", "RS256", RSAKey.generate_key(2048)))
    world.odd_signers.append(Signer("ec-1", "ES256", ECKey.generate_key("P-256")))


def make_worlds(supported: list[str]) -> list[World]:
    """The service as it is configured by default, one that accepts every algorithm that it knows, and one whose keys have
    no names."""
    defaults = World(
        "defaults", "https://id.example", ["runner-token-service"], ["RS256", "ES256"], 60, 1_900_000_000)
    defaults.add("rsa-1", "RS256", use="sig")
    defaults.add("rsa-2", "RS256", bound=False, key_ops=["verify"])
    defaults.add("ec-1", "ES256", use="sig")
    defaults.add("ec-2", "ES256", bound=False, x5c=["AAAA"])
    add_decoys(defaults)

    # The name has an accent, which Unicode can write in two ways; time and leeway differ as well.
    everything = World(
        "every algorithm", "https://id.example/caf\u00e9/", ["runner-token-service", "urn:second:audience"],
        supported, 300, 1_900_000_000.25)
    for algorithm in supported:
        everything.add(f"{algorithm}-bound", algorithm)
        everything.add(f"{algorithm}-free", algorithm, bound=False, use="sig")
    add_decoys(everything)

    # One key of each type, so that tokens need not name theirs.
    nameless = World(
        "keys without names", "http://localhost:8080/oidc", ["a"], supported, 0, 1_900_000_000.5)
    of_kind: dict[tuple[str, str | None], Key] = {}
    for algorithm in supported:
        kind = KEY_OF_ALGORITHM[algorithm]
        if kind in of_kind:
            nameless.signers.append(Signer(None, algorithm, of_kind[kind]))
        else:
            of_kind[kind] = nameless.add(None, algorithm, bound=False)
    nameless.publish(RSAKey.generate_key(2048), use="enc")
    nameless.odd_signers.append(Signer(None, "RS256", RSAKey.generate_key(2048)))
    # A name that the key set does not give, but that joserfc makes from the key itself (RFC 7638).
    for signer in list(nameless.signers):
        nameless.odd_signers.append(Signer(signer.key.thumbprint(), signer.algorithm, signer.key))
    return [defaults, everything, nameless]
