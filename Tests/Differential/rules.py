"""What is expected to part us from joserfc, rule by rule, computed from the token's text without our code or joserfc's."""

import base64
import binascii
import functools
import json
import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import oracle
from cryptography.hazmat.primitives.asymmetric import ec
from worlds import KEY_OF_ALGORITHM, World

TOKEN_LIMIT, HEADER_LIMIT, PAYLOAD_LIMIT, SIGNATURE_LIMIT = 8192, 2048, 6144, 1400
DEPTH_LIMIT, VALUE_LIMIT = 8, 400
LATEST_DATE = float(1 << 53)
LONGEST_LIFETIME = 86_400
CLAIM_NAMES = frozenset("iss sub aud exp nbf iat jti azp email email_verified".split())


class Object(list):
    """The members of a JSON object as pairs, as often as they were written."""

    def get(self, name: str) -> Any:
        return next((value for key, value in self if key == name), None)

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self)


class JSONText:
    """A segment's JSON, and what is wrong with it."""

    def __init__(self, data: bytes | None):
        self.faults: set[str] = set()
        self.value: Any = None
        if data is not None:
            self.read(data)

    @property
    def object(self) -> Object | None:
        return self.value if isinstance(self.value, Object) else None

    def read(self, data: bytes) -> None:
        if data.startswith(b"\xef\xbb\xbf"):
            self.faults.add("byte-order-mark")
            return
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            self.faults.add("utf-8")
            return
        try:
            self.value = json.loads(
                text, object_pairs_hook=Object, parse_int=self.number, parse_float=self.number,
                parse_constant=self.constant)
        except RecursionError:
            self.faults.add("depth")
            return
        except ValueError:
            self.faults.add("syntax")
            return
        self.count = 0
        self.walk(self.value, 1)
        if self.count > VALUE_LIMIT:
            self.faults.add("values")
        if not isinstance(self.value, Object):
            self.faults.add("object")

    def number(self, text: str) -> int | float:
        if math.isinf(float(text)):
            self.faults.add("number")
            return 0
        return int(text) if re.fullmatch(r"-?[0-9]+", text) else float(text)

    def constant(self, name: str) -> None:
        # NaN, Infinity and -Infinity, which Python takes for numbers.
        self.faults.add("syntax")

    def walk(self, value: Any, depth: int) -> None:
        self.count += 1
        if isinstance(value, list) and depth > DEPTH_LIMIT:
            self.faults.add("depth")
        if isinstance(value, Object):
            names = [name for name, _ in value]
            if len(set(names)) < len(names):
                self.faults.add("duplicate")
            for name, member in value:
                self.look_for_surrogate(name)
                self.walk(member, depth + 1)
        elif isinstance(value, list):
            for element in value:
                self.walk(element, depth + 1)
        elif isinstance(value, str):
            self.look_for_surrogate(value)

    def look_for_surrogate(self, text: str) -> None:
        if any("\ud800" <= character <= "\udfff" for character in text):
            self.faults.add("surrogate")


class Facts:
    """A token taken apart, for the rules to look at."""

    def __init__(self, token: bytes, world: World):
        self.token = token
        self.world = world
        self.segments = token.split(b".")
        decoded = [decode(segment) for segment in self.segments] if len(self.segments) == 3 else [None] * 3
        self.are_segments_decoded = None not in decoded
        self.header_text = JSONText(decoded[0])
        self.payload_text = JSONText(decoded[1])
        # Empty where the text is no object: then the rules that look for members have nothing to say.
        self.header = self.header_text.object or Object()
        self.claims = self.payload_text.object or Object()
        self.has_claims = self.payload_text.object is not None
        self.has_header = self.header_text.object is not None
        self.json_faults = self.header_text.faults | self.payload_text.faults

    @property
    def algorithm(self) -> str | None:
        name = self.header.get("alg")
        return name if isinstance(name, str) and name in self.world.algorithms else None

    @property
    def audiences(self) -> list[str] | None:
        claim = self.claims.get("aud")
        audiences = [claim] if isinstance(claim, str) else claim
        if isinstance(audiences, Object) or not isinstance(audiences, list):
            return None
        return audiences if all(isinstance(audience, str) for audience in audiences) else None

    def is_kind(self, jwk: dict[str, Any]) -> bool:
        """Whether the JWK is said to be for tokens like this."""
        if self.algorithm is None or jwk["kty"] != KEY_OF_ALGORITHM[self.algorithm][0]:
            return False
        if jwk.get("alg", self.algorithm) != self.algorithm:
            return False
        return "kid" not in self.header or jwk.get("kid") == self.header.get("kid")

    @functools.cached_property
    def keys(self) -> list[dict[str, Any]]:
        return [jwk for jwk in self.world.keys if self.is_kind(jwk)]

    @functools.cached_property
    def usable_keys(self) -> list[dict[str, Any]]:
        return [jwk for jwk in self.keys if is_usable(jwk, KEY_OF_ALGORITHM[self.algorithm or ""][1])]

    def date(self, name: str) -> float | None:
        """In whole seconds; None where it is absent or no number."""
        value = self.claims.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(math.floor(value)) if isinstance(value, float) else float(value)

    def is_date_unusable(self, name: str) -> bool:
        if name not in self.claims:
            return False
        date = self.date(name)
        return date is None or not 0 <= date <= LATEST_DATE


def decode(segment: bytes) -> bytes | None:
    """RFC 7515 section 2, in its only spelling."""
    try:
        data = base64.b64decode(segment + b"=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    return data if base64.urlsafe_b64encode(data).rstrip(b"=") == segment else None


def is_usable(jwk: dict[str, Any], curve: str | None) -> bool:
    """RFC 7517 section 4 and RFC 7518 sections 3 and 6."""
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        return False
    if "d" in jwk or "k" in jwk or jwk.get("crv") != curve:
        return False
    if jwk["kty"] == "RSA":
        modulus, exponent = (int.from_bytes(decode(jwk[name].encode()) or b"") for name in ("n", "e"))
        return 2048 <= modulus.bit_length() <= 8192 and exponent % 2 == 1 and 3 <= exponent < 1 << 64
    return jwk["kty"] != "EC" or is_on_curve(jwk["crv"], jwk["x"], jwk["y"])


@functools.cache
def is_on_curve(name: str, x: str, y: str) -> bool:
    curve = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}[name]()
    coordinates = [int.from_bytes(decode(text.encode()) or b"") for text in (x, y)]
    try:
        ec.EllipticCurvePublicNumbers(*coordinates, curve).public_key()
    except ValueError:
        return False
    return True


def is_type_accepted(facts: Facts) -> bool:
    if "typ" not in facts.header:
        return True
    kind = facts.header.get("typ")
    if not isinstance(kind, str) or not kind.isascii():
        return False
    return kind.lower().removeprefix("application/") in ("jwt", "at+jwt")


def lacks_authorized_party(facts: Facts) -> bool:
    if set(facts.audiences or []) <= set(facts.world.audiences):
        return False
    party = facts.claims.get("azp")
    return not isinstance(party, str) or party not in facts.world.audiences


def is_subject_unusable(facts: Facts) -> bool:
    subject = facts.claims.get("sub")
    if not isinstance(subject, str):
        return True
    size = len(subject.encode("utf-8", "surrogatepass"))
    return not 1 <= size <= 255 or any(unicodedata.category(character) == "Cc" for character in subject)


def lives_too_long(facts: Facts) -> bool:
    expiry, issued = facts.date("exp"), facts.date("iat")
    if expiry is None:
        return False
    start = facts.world.now + facts.world.leeway if issued is None else issued
    return expiry - start > LONGEST_LIFETIME


# Default_Ignorable_Code_Point of Unicode: what is not seen.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]")


def folded(name: str) -> str:
    """What can be seen of a name, in one form and one case: by way of upper case, since that is where `ı` becomes `I`."""
    name = INVISIBLE.sub("", name)
    while (next_name := unicodedata.normalize("NFKC", name).upper().lower()) != name:
        name = next_name
    return name


def has_look_alike(facts: Facts) -> bool:
    return any(name not in CLAIM_NAMES and folded(name) in CLAIM_NAMES for name, _ in facts.claims)


@dataclass(frozen=True)
class Refusal:
    """A ground on which we must refuse a token, whatever joserfc says to it."""

    name: str
    because: str
    fires: Callable[[Facts], bool]


@dataclass(frozen=True)
class Leniency:
    """A ground on which joserfc refuses a token and we do not. It explains a disagreement only if joserfc accepts the token
    once this is switched off there (`oracle.py`)."""

    name: str
    because: str
    fires: Callable[[Facts], bool]


def json_fault(name: str) -> Callable[[Facts], bool]:
    return lambda facts: name in facts.json_faults


REFUSALS = [
    Refusal("token-size", f"over {TOKEN_LIMIT} bytes; our limit",
            lambda facts: len(facts.token) > TOKEN_LIMIT),
    Refusal("segment-size", "a segment is over our limit",
            lambda facts: any(len(segment) > limit for segment, limit in zip(
                facts.segments, (HEADER_LIMIT, PAYLOAD_LIMIT, SIGNATURE_LIMIT), strict=False))),
    Refusal("segments", "not three segments with something in each (RFC 7515 section 7.1)",
            lambda facts: len(facts.segments) != 3 or b"" in facts.segments),
    Refusal("base64url", "a segment in other than its only spelling (RFC 7515 section 2, RFC 4648 section 3.5)",
            lambda facts: len(facts.segments) == 3 and not facts.are_segments_decoded),

    Refusal("utf-8", "JSON that is not UTF-8 (RFC 7519 section 7.2, RFC 8725 section 3.7)", json_fault("utf-8")),
    Refusal("byte-order-mark", "JSON after a byte order mark (RFC 8259 section 8.1)", json_fault("byte-order-mark")),
    Refusal("json-syntax", "not JSON, among others NaN and Infinity (RFC 8259 section 6)", json_fault("syntax")),
    Refusal("json-object", "header or payload is JSON but no object (RFC 7519 section 7.2)", json_fault("object")),
    Refusal("duplicate-member", "a member name twice in one object (RFC 7515 section 4, RFC 7519 section 4)",
            json_fault("duplicate")),
    Refusal("json-depth", f"nested over {DEPTH_LIMIT} levels; our limit", json_fault("depth")),
    Refusal("json-values", f"over {VALUE_LIMIT} values; our limit", json_fault("values")),
    Refusal("lone-surrogate", "half a surrogate pair (RFC 8259 section 8.2)", json_fault("surrogate")),
    Refusal("number-range", "a number that no 64-bit float holds (RFC 8259 section 6)", json_fault("number")),

    Refusal("algorithm", "alg is not one of those allowed (RFC 8725 section 3.1)",
            lambda facts: facts.has_header and facts.algorithm is None),
    Refusal("critical-header", "crit: we understand no extension (RFC 7515 section 4.1.11)",
            lambda facts: "crit" in facts.header),
    Refusal("header-extension", "b64, zip or cty: a token in a form that we do not read (RFC 7797, RFC 7519 section 5.2)",
            lambda facts: any(name in facts.header for name in ("b64", "zip", "cty"))),
    Refusal("type", "typ is other than JWT and at+jwt (RFC 8725 section 3.11, RFC 9068 section 4)",
            lambda facts: not is_type_accepted(facts)),
    Refusal("key-id", "kid is no string (RFC 7515 section 4.1.4)",
            lambda facts: "kid" in facts.header and not isinstance(facts.header.get("kid"), str)),
    Refusal("key-unknown", "the key set gives no key of that name for that algorithm (RFC 7515 section 4.1.4)",
            lambda facts: facts.algorithm is not None and not facts.keys),
    Refusal("key-unusable", "the key is weak, private, false, of another curve or for another use "
            "(RFC 7517 section 4, RFC 7518 section 3.3)",
            lambda facts: bool(facts.keys) and not facts.usable_keys),
    Refusal("key-ambiguous", "two keys fit; we do not try key after key (RFC 7517 section 4.5)",
            lambda facts: len(facts.usable_keys) > 1),

    Refusal("issuer", "iss is not, byte for byte, the issuer (RFC 7519 section 4.1.1)",
            lambda facts: facts.has_claims and facts.claims.get("iss") != facts.world.issuer),
    Refusal("audience", "aud does not name us, or is no string or array of strings (RFC 7519 section 4.1.3)",
            lambda facts: facts.has_claims and not set(facts.audiences or []) & set(facts.world.audiences)),
    Refusal("authorized-party", "aud names others too, and azp is none of ours (OpenID Connect Core section 3.1.3.7)",
            lacks_authorized_party),
    Refusal("authorized-party-type", "azp is no string (OpenID Connect Core section 2)",
            lambda facts: "azp" in facts.claims and not isinstance(facts.claims.get("azp"), str)),
    Refusal("expiry-missing", "no exp; RFC 7519 section 4.1.4 leaves that to us",
            lambda facts: facts.has_claims and "exp" not in facts.claims),
    Refusal("date", "exp, nbf or iat is no number from 0 to 2^53 (RFC 7519 section 2)",
            lambda facts: any(facts.is_date_unusable(name) for name in ("exp", "nbf", "iat"))),
    Refusal("expired", "exp, in whole seconds, is past by the leeway (RFC 7519 section 4.1.4)",
            lambda facts: (date := facts.date("exp")) is not None
            and facts.world.now >= date + facts.world.leeway),
    Refusal("not-yet-valid", "nbf or iat is ahead by more than the leeway (RFC 7519 sections 4.1.5, 4.1.6)",
            lambda facts: any((date := facts.date(name)) is not None
                              and facts.world.now + facts.world.leeway < date for name in ("nbf", "iat"))),
    Refusal("lifetime", f"good for over {LONGEST_LIFETIME} s; our limit", lives_too_long),
    Refusal("subject", "sub is no string of 1 to 255 bytes without control characters; our limit",
            lambda facts: facts.has_claims and is_subject_unusable(facts)),
    Refusal("look-alike-claim", "a name that folds to a claim's name and is not that name (RFC 7519 section 4)",
            has_look_alike),
]

HEADER_TYPES: dict[str, Callable[[Any], bool]] = {
    "jku": lambda value: isinstance(value, str) and value.startswith(("http://", "https://")),
    "x5u": lambda value: isinstance(value, str) and value.startswith(("http://", "https://")),
    "jwk": lambda value: isinstance(value, Object),
    "x5c": lambda value: isinstance(value, list) and not isinstance(value, Object)
    and all(isinstance(element, str) for element in value),
    "x5t": lambda value: isinstance(value, str),
    "x5t#S256": lambda value: isinstance(value, str),
}

LENIENCIES = [
    Leniency(oracle.UNUSED_HEADER_TYPES,
             "a header member that we never use (RFC 8725 section 3.10) has another type than it should "
             "(RFC 7515 sections 4.1.2 to 4.1.8, all optional)",
             lambda facts: any(not is_right(facts.header.get(name)) for name, is_right in HEADER_TYPES.items()
                               if name in facts.header)),
    Leniency(oracle.SHARED_KEY_ID,
             "keys of different types share a name, and joserfc tries the first only (RFC 7517 section 4.5)",
             lambda facts: "kid" in facts.header and sum(
                 jwk.get("kid") == facts.header.get("kid") for jwk in facts.world.keys) > 1),
    Leniency(oracle.TOKEN_ID_TYPE, "jti, which we do not use, is no string (RFC 7519 section 4.1.7, optional)",
             lambda facts: "jti" in facts.claims and not isinstance(facts.claims.get("jti"), str)),
    Leniency(oracle.FRACTIONS, "dates count in whole seconds; the leeway is ours to choose (RFC 7519 section 4.1.5)",
             lambda facts: any(isinstance(facts.claims.get(name), float) for name in ("exp", "nbf", "iat"))),
]
