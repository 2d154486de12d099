"""The other opinion: a relying party that is built on joserfc."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from joserfc.jws import CompactSignature, JWSRegistry
from joserfc.registry import HeaderParameter
from worlds import World

# What of joserfc's own judgement can be switched off, to see whether a refusal comes from nothing else. The rules that name
# these are in rules.py.
UNUSED_HEADER_TYPES = "unused-header-types"
SHARED_KEY_ID = "shared-key-id"
TOKEN_ID_TYPE = "token-id-type"
FRACTIONS = "fractions"


class ClaimsWithoutTokenID(jwt.JWTClaimsRegistry):
    """Does not look at `jti`."""

    def validate_jti(self, value: object) -> None:
        pass


@dataclass(frozen=True)
class Verdict:
    accepted: bool
    # joserfc's error, where it refused.
    reason: str = ""
    # `sub`, where it accepted.
    subject: str = ""


class RelyingParty:
    """Accepts and refuses tokens as joserfc's documentation would have a relying party do it."""

    def __init__(self, world: World):
        self.world = world
        self.key_set = KeySet(usable_keys(world.keys))

    def judge(self, token: bytes, without: Collection[str] = ()) -> Verdict:
        try:
            decoded = jwt.decode(token, self.key_finder(without), registry=self.registry(without))
            claims = decoded.claims
            if FRACTIONS in without:
                claims = {name: floored(name, value) for name, value in claims.items()}
            self.claims_registry(without).validate(claims)
            return Verdict(True, subject=claims["sub"])
        except JoseError as error:
            return Verdict(False, f"{type(error).__name__}: {error}")
        # joserfc lets some errors of its ground through. Whatever they are, the token is not accepted.
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            return Verdict(False, f"{type(error).__name__} (not joserfc's): {error}")

    def registry(self, without: Collection[str]) -> JWSRegistry:
        anything: dict[str, HeaderParameter] = {}
        if UNUSED_HEADER_TYPES in without:
            for name in ("jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256"):
                anything[name] = HeaderParameter("Not used", lambda _: None)
        # RFC 7515 section 4: members that are not understood are ignored.
        registry = JWSRegistry(anything, algorithms=self.world.algorithms, strict_check_header=False)
        # The limits compared are ours.
        registry.max_header_length = registry.max_signature_length = registry.max_payload_length = 1 << 20
        return registry

    def key_finder(self, without: Collection[str]):
        def find(signature: CompactSignature) -> Key | KeySet:
            header = signature.headers()
            if "kid" in header and SHARED_KEY_ID not in without:
                return self.key_set
            # RFC 7515 section 4.1.4: kid is optional. It is not needed where only one key can be meant.
            fitting = [key for key in self.key_set if fits(key, header["alg"]) and key.kid == header.get("kid", key.kid)]
            return fitting[0] if len(fitting) == 1 else self.key_set

        return find

    def claims_registry(self, without: Collection[str]) -> jwt.JWTClaimsRegistry:
        kind = ClaimsWithoutTokenID if TOKEN_ID_TYPE in without else jwt.JWTClaimsRegistry
        return kind(
            now=self.world.now,
            leeway=self.world.leeway,
            iss={"essential": True, "value": self.world.issuer},
            aud={"essential": True, "values": self.world.audiences},
            exp={"essential": True, "allow_blank": True},
            sub={"essential": True},
        )


def usable_keys(keys: list[dict[str, Any]]) -> list[Key]:
    """RFC 7517 section 5: keys that cannot be used are left out, and do not spoil the set."""
    usable = []
    for jwk in keys:
        try:
            usable.append(JWKRegistry.import_key(dict(jwk)))
        except (JoseError, ValueError):
            continue
    return usable


def fits(key: Key, algorithm: str) -> bool:
    try:
        JWSRegistry.algorithms[algorithm].check_key(key)
    except JoseError:
        return False
    return True


def floored(name: str, value: Any) -> Any:
    is_fraction = name in ("exp", "nbf", "iat") and isinstance(value, float) and math.isfinite(value)
    return math.floor(value) if is_fraction else value
