"""A token on its way: the texts of its members, who signs it, and what is to be done to it at each stage."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from worlds import Signer, World, base64url, sign

Transform = Callable[[bytes], bytes]


@dataclass
class Member:
    """A name and a value as JSON texts, so that either can be spelled in any way, or be no JSON."""

    name: str
    value: str


class Members(list[Member]):
    """The members of the header or of the payload."""

    def find(self, name: str) -> Member | None:
        return next((member for member in self if member.name == text(name)), None)

    def set(self, name: str, value: str) -> None:
        """`value` is a JSON text."""
        member = self.find(name)
        if member is None:
            self.append(Member(text(name), value))
        else:
            member.value = value

    def remove(self, name: str) -> None:
        self[:] = [member for member in self if member.name != text(name)]


def text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@dataclass
class Draft:
    """An honest token, until mutations have been at it. The transforms are applied in the order of `render`."""

    world: World
    random: Random
    signer: Signer
    header: Members = field(default_factory=Members)
    payload: Members = field(default_factory=Members)
    # Of the JSON texts and of their base64url; the signature is made afterwards and fits.
    header_texts: list[Transform] = field(default_factory=list)
    payload_texts: list[Transform] = field(default_factory=list)
    header_segments: list[Transform] = field(default_factory=list)
    payload_segments: list[Transform] = field(default_factory=list)
    # In place of the signer's signature.
    signature: Callable[[bytes], bytes] | None = None
    # Of the signature, of its base64url, and of the whole token.
    signatures: list[Transform] = field(default_factory=list)
    signature_segments: list[Transform] = field(default_factory=list)
    tokens: list[Transform] = field(default_factory=list)
    trail: list[str] = field(default_factory=list)

    def texts(self) -> list[Transform]:
        return self.random.choice((self.header_texts, self.payload_texts, self.payload_texts))

    def segments(self) -> list[Transform]:
        return self.random.choice((self.header_segments, self.payload_segments, self.signature_segments))

    def members(self) -> Members:
        return self.random.choice((self.header, self.payload, self.payload))

    def sign(self, signing_input: bytes) -> bytes:
        return sign(self.signer.algorithm, self.signer.key, signing_input)

    def render(self) -> bytes:
        header = apply(self.header_segments, base64url(apply(self.header_texts, json_object(self.header))))
        payload = apply(self.payload_segments, base64url(apply(self.payload_texts, json_object(self.payload))))
        signing_input = header + b"." + payload
        signature = apply(self.signatures, (self.signature or self.sign)(signing_input))
        return apply(self.tokens, signing_input + b"." + apply(self.signature_segments, base64url(signature)))


def apply(transforms: list[Transform], data: bytes) -> bytes:
    for transform in transforms:
        data = transform(data)
    return data


def json_object(members: Members) -> bytes:
    content = ",".join(f"{member.name}:{member.value}" for member in members)
    return ("{" + content + "}").encode("utf-8", "surrogatepass")


def honest(world: World, random: Random) -> Draft:
    """A token that an issuer might make: what is optional is sometimes there."""
    odd = random.random() < 0.08
    signer = random.choice(world.odd_signers if odd else world.signers)
    draft = Draft(world, random, signer)
    if odd:
        draft.trail.append(f"signed with the odd key {signer.key_id!r} for {signer.algorithm}")
    draft.header.set("alg", text(signer.algorithm))
    if signer.key_id is not None:
        draft.header.set("kid", text(signer.key_id))
    if random.random() < 0.8:
        draft.header.set("typ", text(random.choice(("JWT", "JWT", "at+jwt"))))

    now = int(world.now)
    issued = now - random.randrange(240)
    claims: dict[str, Any] = {
        "iss": world.issuer,
        "sub": random.choice(("alice", "repo:org/name:ref:refs/heads/main", "d\u00fcrer", "\U0001f600", "7")),
        "aud": random.choice((world.audiences[0], world.audiences[-1:], world.audiences)),
        "exp": now + random.randrange(1, 3600),
    }
    optional = {
        "iat": issued, "nbf": issued, "jti": "%032x" % random.getrandbits(128), "email": "alice@example.com",
        "email_verified": True, "azp": world.audiences[0], "groups": ["a", "b"], "act": {"sub": "x"},
    }
    claims |= {name: value for name, value in optional.items() if random.random() < 0.6}
    for name, value in claims.items():
        draft.payload.set(name, text(value))
    if random.random() < 0.5:
        random.shuffle(draft.header)
        random.shuffle(draft.payload)
    return draft
