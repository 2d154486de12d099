"""What is done to honest tokens. Each mutation is listed with its weight; many leave the token good, or nearly so."""

import hashlib
import hmac
import json
from collections.abc import Callable
from random import Random

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from drafts import Draft, Member, Members, Transform, honest, text
from joserfc.jwk import Key
from worlds import KEY_OF_ALGORITHM, Signer, base64url, new_key, sign

# Changes the draft and says what it did.
Mutation = Callable[[Draft, Random], str]
MUTATIONS: list[tuple[int, Mutation]] = []


def mutation(weight: int) -> Callable[[Mutation], Mutation]:
    def register(function: Mutation) -> Mutation:
        MUTATIONS.append((weight, function))
        return function

    return register


def mutate(draft: Draft, random: Random) -> None:
    weights = [weight for weight, _ in MUTATIONS]
    count = random.choices((0, 1, 2, 3), (4, 66, 22, 8))[0]
    for _, change in random.choices(MUTATIONS, weights, k=count):
        draft.trail.append(f"{change.__name__}: {change(draft, random)}")


# --- Bytes ------------------------------------------------------------------------------------------------------------

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def change_byte(data: bytes, random: Random, replacement: bytes) -> tuple[bytes, str]:
    """One byte flipped, replaced, inserted, deleted, doubled or moved, or the end cut off."""
    if not data:
        return replacement, f"{replacement!r} in place of nothing"
    at = random.randrange(len(data))
    kind = random.choice(("flip", "replace", "replace", "insert", "delete", "double", "swap", "cut"))
    before, byte, after = data[:at], data[at:at + 1], data[at + 1:]
    changed = {
        "flip": before + bytes((byte[0] ^ 1 << random.randrange(8),)) + after,
        "replace": before + replacement + after,
        "insert": before + replacement + byte + after,
        "delete": before + after,
        "double": before + byte + byte + after,
        "swap": before + after[:1] + byte + after[1:],
        "cut": before if random.random() < 0.3 else data[:-1],
    }[kind]
    return changed, f"{kind} at {at} of {len(data)} ({byte!r}, {replacement!r})"


def byte_change(random: Random, replacement: bytes, trail: list[str]) -> Transform:
    def transform(data: bytes) -> bytes:
        changed, what = change_byte(data, random, replacement)
        trail.append(what)
        return changed

    return transform


@mutation(14)
def byte_of_token(draft: Draft, random: Random) -> str:
    replacement = random.choice((bytes((random.choice(ALPHABET),)), bytes((random.choice(ALPHABET),)),
                                 bytes((random.randrange(256),)), b".", b"=", b" ", b"\0"))
    draft.tokens.append(byte_change(random, replacement, draft.trail))
    return "unsigned"


@mutation(14)
def byte_of_json(draft: Draft, random: Random) -> str:
    structure = b'{}[]",:\\ue0123456789.-+EtfnN \t\n'
    replacement = bytes((random.choice(structure) if random.random() < 0.7 else random.randrange(256),))
    texts = draft.texts()
    texts.append(byte_change(random, replacement, draft.trail))
    return ("header" if texts is draft.header_texts else "payload") + ", then signed"


@mutation(3)
def byte_of_signature(draft: Draft, random: Random) -> str:
    draft.signatures.append(byte_change(random, bytes((random.randrange(256),)), draft.trail))
    return "decoded"


# --- Encoding ---------------------------------------------------------------------------------------------------------

def with_trailing_bits(segment: bytes) -> bytes:
    """Another last character for the same bytes, as a lenient decoder reads it."""
    if len(segment) % 4 not in (2, 3) or segment[-1] not in ALPHABET:
        return segment
    return segment[:-1] + ALPHABET[ALPHABET.index(segment[-1]) | 1:][:1]


ENCODINGS: dict[str, Transform] = {
    "padding": lambda segment: segment + b"=" * (-len(segment) % 4),
    "padding where none is due": lambda segment: segment + b"=",
    "plain alphabet": lambda segment: segment.replace(b"-", b"+").replace(b"_", b"/"),
    "trailing bits": with_trailing_bits,
    "newline within": lambda segment: segment[:8] + b"\n" + segment[8:],
    "newline after": lambda segment: segment + b"\n",
    "space before": lambda segment: b" " + segment,
    "NUL after": lambda segment: segment + b"\0",
    "percent encoding": lambda segment: segment[:3] + b"%" + b"%02X" % segment[3] + segment[4:]
    if len(segment) > 3 else segment,
    "not ASCII": lambda segment: segment + "\u00e9".encode(),
    "full width": lambda segment: segment[:-1] + chr(segment[-1] + 0xFEE0).encode() if segment[-1:].isalnum() else segment,
    "one more character": lambda segment: segment + b"A",
    "nothing": lambda segment: b"",
}


@mutation(6)
def encoding(draft: Draft, random: Random) -> str:
    name = random.choice(list(ENCODINGS))
    segments = draft.segments()
    segments.append(ENCODINGS[name])
    which = {id(draft.header_segments): "header", id(draft.payload_segments): "payload"}
    return f"{name} in the {which.get(id(segments), 'signature')}"


TOKEN_FORMS: dict[str, Transform] = {
    "fourth segment": lambda token: token + b".AAAA",
    "empty fourth segment": lambda token: token + b".",
    "five segments": lambda token: token.replace(b".", b".AAAA.", 2),
    "two segments": lambda token: token.rpartition(b".")[0],
    "empty signature": lambda token: token.rpartition(b".")[0] + b".",
    "no payload": lambda token: token.split(b".")[0] + b".." + token.split(b".")[-1],
    "leading dot": lambda token: b"." + token,
    "newline after": lambda token: token + b"\n",
    "space after": lambda token: token + b" ",
    "byte order mark": lambda token: b"\xef\xbb\xbf" + token,
    "Bearer before": lambda token: b"Bearer " + token,
    "twice": lambda token: token + token,
    "quoted": lambda token: b'"' + token + b'"',
    "other dot": lambda token: token.replace(b".", "\uff0e".encode()),
    "invalid UTF-8": lambda token: token[:-1] + b"\xff",
    "UTF-16": lambda token: token.decode("latin-1").encode("utf-16-le"),
    "JSON serialization": lambda token: json_serialization(token),
    "lower case": lambda token: token.lower(),
    "nothing": lambda token: b"",
}


def json_serialization(token: bytes) -> bytes:
    parts = (token.decode("latin-1").split(".") + ["", ""])[:3]
    return json.dumps(dict(zip(("protected", "payload", "signature"), parts, strict=True))).encode()


@mutation(3)
def form_of_token(draft: Draft, random: Random) -> str:
    name = random.choice(list(TOKEN_FORMS))
    draft.tokens.append(TOKEN_FORMS[name])
    return name


# --- JSON texts, then signed ------------------------------------------------------------------------------------------

JSON_FORMS: dict[str, Transform] = {
    "space around": lambda data: b" \t\r\n" + data + b"\n ",
    "space within": lambda data: data.replace(b":", b" : ").replace(b",", b"\n,\t") if b"://" not in data else data + b" ",
    "form feed after": lambda data: data + b"\x0c",
    "no-break space before": lambda data: "\u00a0".encode() + data,
    "line separator after": lambda data: data + "\u2028".encode(),
    "byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "NUL after": lambda data: data + b"\0",
    "bytes after": lambda data: data + b"x",
    "second value": lambda data: data + b"{}",
    "trailing comma": lambda data: data[:-1] + b",}",
    "comment": lambda data: data[:-1] + b"/**/}",
    "single quotes": lambda data: data.replace(b'"', b"'"),
    "UTF-16": lambda data: data.decode("utf-8", "replace").encode("utf-16-le"),
    "UTF-16 with mark": lambda data: data.decode("utf-8", "replace").encode("utf-16"),
    "UTF-16, big end": lambda data: data.decode("utf-8", "replace").encode("utf-16-be"),
    "UTF-32": lambda data: data.decode("utf-8", "replace").encode("utf-32-le"),
    "Latin-1": lambda data: data.decode("utf-8", "replace").encode("latin-1", "replace").replace(b"al", b"\xe9l"),
    "in an array": lambda data: b"[" + data + b"]",
    "as a string": lambda data: json.dumps(data.decode("utf-8", "replace")).encode(),
    "null": lambda data: b"null",
    "empty": lambda data: b"",
    "empty object": lambda data: b"{}",
    "cut": lambda data: data[:-1],
}
BAD_UTF8 = (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xed\xa0\xbd\xed\xb8\x80", b"\xf4\x90\x80\x80", b"\xe9",
            b"\xf0\x9f\x98\x80", b"\xe2\x80\xa8", b"\xef\xbf\xbe")


@mutation(7)
def form_of_json(draft: Draft, random: Random) -> str:
    name = random.choice(list(JSON_FORMS))
    draft.texts().append(JSON_FORMS[name])
    return name


@mutation(3)
def bytes_in_string(draft: Draft, random: Random) -> str:
    inserted = random.choice((*BAD_UTF8, b"\x00", b"\x1f", b"\n", b"\x7f"))
    key = b'"x":"'
    draft.members().append(Member('"x"', '"y"'))
    draft.header_texts.append(lambda data: data.replace(key, key + inserted))
    draft.payload_texts.append(lambda data: data.replace(key, key + inserted))
    return repr(inserted)


# --- Members of any name ----------------------------------------------------------------------------------------------

RETYPED = ("null", "true", "false", "0", "1", "-1", "1.5", '""', '"x"', "[]", "[null]", "{}", '{"a":1}', '[["x"]]',
           "NaN", '"null"')
LETTERS = {"a": "\u00aa\u0430\uff41", "b": "\uff42\U0001d41b", "d": "\uff44\u217e", "e": "\uff45\u0435\u212f",
           "f": "\uff46", "i": "\u2170\uff49\u0131\u0130\u2071", "j": "\u02b2\uff4a", "l": "\u217c\uff4c",
           "m": "\u217f\uff4d", "n": "\u207f\uff4e", "p": "\uff50\u0440", "s": "\u017f\uff53\u0455\u02e2",
           "t": "\uff54", "u": "\uff55", "v": "\u2174\uff56", "x": "\u2179\uff58\u02e3", "z": "\uff5a", "_": "\uff3f\ufe33",
           "k": "\u212a", "y": "\uff59"}


def escaped(name: str, random: Random) -> str:
    """The same name in another JSON spelling."""
    at = random.randrange(len(name))
    digits = random.choice(("%04x", "%04X")) % ord(name[at])
    return '"' + name[:at] + "\\u" + digits + name[at + 1:] + '"'


def look_alike(name: str, random: Random) -> str:
    """Another name that a reader, human or not, might take for this one."""
    at = random.randrange(len(name))
    variants = [
        name.upper(), name.capitalize(), name[:at] + name[at].upper() + name[at + 1:], name.replace("ss", "\u00df"),
        name[:at] + "\u200b" + name[at:], name[:at] + "\u00ad" + name[at:], name + " ", " " + name, name + "\0",
        name[:at] + "\ufe0f" + name[at:], name + "\u0301", name.replace("_", "-"),
        "".join(chr(ord(letter) + 0xFEE0) for letter in name),
    ]
    variants += [name[:at] + other + name[at + 1:] for other in LETTERS.get(name[at], "")] * 2
    return random.choice(variants)


def pick(members: Members, random: Random) -> Member:
    if not members:
        members.append(Member('"x"', "1"))
    return random.choice(members)


def name_of(member: Member) -> str:
    try:
        name = json.loads(member.name)
    except (ValueError, RecursionError):
        return "x"
    return name if name else "x"


@mutation(3)
def removed(draft: Draft, random: Random) -> str:
    members = draft.members()
    member = pick(members, random)
    members.remove(name_of(member))
    return member.name


@mutation(4)
def doubled(draft: Draft, random: Random) -> str:
    members = draft.members()
    member = pick(members, random)
    name = random.choice((member.name, escaped(name_of(member), random)))
    value = random.choice((member.value, member.value, random.choice(RETYPED)))
    members.insert(random.randrange(len(members) + 1), Member(name, value))
    return f"{name}: {value}"


@mutation(4)
def respelled(draft: Draft, random: Random) -> str:
    member = pick(draft.members(), random)
    member.name = escaped(name_of(member), random)
    return member.name


@mutation(3)
def renamed(draft: Draft, random: Random) -> str:
    member = pick(draft.members(), random)
    member.name = text(look_alike(name_of(member), random))
    return ascii(member.name)


@mutation(5)
def look_alike_beside(draft: Draft, random: Random) -> str:
    members = draft.members()
    member = pick(members, random)
    name = text(look_alike(name_of(member), random))
    members.insert(random.randrange(len(members) + 1), Member(name, random.choice((member.value, '"x"', "0"))))
    return ascii(name)


@mutation(6)
def retyped(draft: Draft, random: Random) -> str:
    member = pick(draft.members(), random)
    member.value = random.choice((*RETYPED, f"[{member.value}]", f'{{"v":{member.value}}}', text(member.value)))
    return f"{member.name}: {member.value}"


@mutation(4)
def string_spelled_otherwise(draft: Draft, random: Random) -> str:
    member = pick(draft.members(), random)
    try:
        value = json.loads(member.value)
    except (ValueError, RecursionError):
        return "no string"
    if not isinstance(value, str) or not value:
        return "no string"
    member.value = random.choice((escaped(value, random), '"' + "".join(f"\\u{ord(c):04x}" for c in value
                                                                      if ord(c) < 0x10000) + '"',
                                  member.value.replace("/", "\\/")))
    return f"{member.name}: {member.value}"


EXTRA_NAMES = ("", "x", "__proto__", "constructor", "a\u0000b", "\U0001f600", "iss.sub", "$ref", "scope", "nonce",
               "https://example.com/claim", "validate", "x" * 300)
EXTRA_VALUES = ("1e308", "1e309", "-1e400", "1e-400", "5e-324", "9007199254740993", "9223372036854775808", "-0", "-0.0",
                "1E+2", "0.1e-1", "01", "+1", "1.", ".5", "0x10", "1e", "--1", "Infinity", "-Infinity", "NaN", "True",
                "nul", "undefined", '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\u0000"',
                '"\\x41"', '"\\u12g4"', '"\\U0041"', "1" * 400, "1" * 300 + ".5", "1" * 4400, '{"a":1,"a":2}',
                '{"a":1,"\\u0061":2}', '{"a":[{"b":"\\ud800"}]}', '"\u2028"', '["\\"", "\\\\"]', '{"":{"":""}}', '{"\\ud800":1}')


@mutation(7)
def extra(draft: Draft, random: Random) -> str:
    members = draft.members()
    value = random.choice(EXTRA_VALUES if random.random() < 0.8 else RETYPED)
    name = text(random.choice(EXTRA_NAMES))
    members.insert(random.randrange(len(members) + 1), Member(name, value))
    return f"{ascii(name[:20])}: {ascii(value[:40])}"


@mutation(4)
def nested(draft: Draft, random: Random) -> str:
    depth = random.choice((1, 5, 6, 7, 7, 8, 8, 9, 20, 2200))
    opening, closing = random.choice((("[", "]"), ('{"a":', "}")))
    if depth > 20:
        opening, closing = "[", random.choice(("]", ""))
    inner = random.choice(("1", "[]", "{}", '""'))
    draft.members().append(Member('"nested"', opening * depth + inner + closing * depth))
    return f"{depth} times {opening} around {inner}"


@mutation(3)
def crowded(draft: Draft, random: Random) -> str:
    members = draft.members()
    # The object, the members and the array count too.
    count = 400 - 2 - len(members) + random.randrange(-12, 8)
    members.append(Member('"many"', "[" + ",".join("1" for _ in range(count)) + "]"))
    return f"{count} values"


@mutation(4)
def sized(draft: Draft, random: Random) -> str:
    """A header, a payload or both just below or above their limits."""
    padded = []
    for members, limit in ((draft.header, 2048), (draft.payload, 6144)):
        if random.random() < 0.6:
            current = len(b"".join(f"{member.name}:{member.value},".encode("utf-8", "replace") for member in members)) + 1
            size = limit * 3 // 4 + random.randrange(-3, 4) - (300 if random.random() < 0.3 else 0)
            padding = max(0, size - current - len('"pad":""'))
            members.append(Member('"pad"', '"' + "p" * padding + '"'))
            padded.append(size)
    return f"JSON of {padded} bytes"


# --- Claims -----------------------------------------------------------------------------------------------------------

def number(value: float, random: Random) -> str:
    """One of the spellings of a number."""
    plain = repr(value)
    if value != int(value):
        return plain
    digits = str(int(value))
    spellings = [digits, digits, digits, digits + ".0", digits + "e0", digits + "E+00", digits + "." + "0" * 20]
    if len(digits) > 4:
        spellings += [f"{digits[:-3]}.{digits[-3:]}e3", digits + "0e-1", digits[0] + "." + digits[1:] + f"E{len(digits) - 1}"]
    return random.choice(spellings)


@mutation(14)
def date_near_border(draft: Draft, random: Random) -> str:
    name = random.choice(("exp", "exp", "nbf", "iat"))
    base = draft.world.now + (-draft.world.leeway if name == "exp" else draft.world.leeway)
    value = int(base) + random.choice((-2, -1.5, -1, -0.5, -0.001, 0, 0.25, 0.5, 0.75, 0.999, 1, 1.25, 1.5, 2, 3))
    spelled = number(value, random)
    draft.payload.set(name, spelled)
    return f"{name}: {spelled}"


@mutation(7)
def lifetime_near_border(draft: Draft, random: Random) -> str:
    issued: float = int(draft.world.now) - random.choice((0, 1, 100, 40_000, 86_300))
    if random.random() < 0.3:
        draft.payload.remove("iat")
        start = draft.world.now
    else:
        issued += random.choice((0, 0, 0.5))
        draft.payload.set("iat", number(issued, random))
        start = issued
    expiry = start + 86_400 + random.choice((-2, -1, -0.5, 0, 0.5, 0.75, 1, 2, 86_400, 1e6))
    draft.payload.set("exp", number(expiry, random))
    return f"from {start} to {expiry}"


@mutation(5)
def date_far_off(draft: Draft, random: Random) -> str:
    name = random.choice(("exp", "nbf", "iat"))
    value = random.choice((
        "0", "-0", "0.0", "-0.0", "-0.5", "-1", "1", "0.5", "1e-400", "-1e-400", "9007199254740992", "9007199254740993",
        "9007199254740991", "9007199254740994", "9223372036854775807", "9223372036854775808", "18446744073709551616",
        "1e16", "1e308", "1e309", "-1e308", "1900000000000", "true", "null", '"1900000300"', "[1900000300]", "{}",
        "1" * 310, "1" * 4301, "01900000300", "1900000300.", "0x71000000", "NaN", "Infinity", "1_900_000_300"))
    draft.payload.set(name, value)
    return f"{name}: {value[:40]}"


@mutation(9)
def audience(draft: Draft, random: Random) -> str:
    ours = draft.world.audiences
    value = random.choice((
        text(ours[0]), text([ours[0]]), text([*ours, "other"]), text(["other", ours[-1]]), text([ours[0], ours[0]]),
        text(["other"]), text("other"), "[]", '""', '[""]', text([[ours[0]]]), text([ours[0], 5]), text([ours[0], None]),
        text({"a": ours[0]}), text({ours[0]: True}), text(ours[0].upper()), text(ours[0] + " "), text(ours[0] + "\0"),
        text(" ".join([ours[0], "other"])), text(ours[0][:-1]), text(ours[0] + "/"), "null", "5", text([ours[0], ""])))
    draft.payload.set("aud", value)
    party = random.choice(("keep", "keep", "none", text(ours[-1]), text("other"), "null", text(ours), '""', "5"))
    if party == "none":
        draft.payload.remove("azp")
    elif party != "keep":
        draft.payload.set("azp", party)
    return f"{value}, azp: {party}"


@mutation(5)
def issuer(draft: Draft, random: Random) -> str:
    ours = draft.world.issuer
    value = random.choice((
        text(ours + "/"), text(ours.rstrip("/")), text(ours.upper()), text(ours.replace("https", "http")),
        text(ours.replace("https", "HTTPS")), text(ours + "\0"), text(ours + " "), text(" " + ours), text(ours + "#"),
        text(ours + "?"), text(ours.replace(".example", ".example:443")), text(ours.replace("//", "//x@")),
        text(ours.replace("\u00e9", "e\u0301")), text(ours.replace("\u00e9", "%C3%A9")), text(ours.replace("e", "\\u0065")),
        json.dumps(ours), json.dumps(ours), text(ours).replace("/", "\\/"), text([ours]), text({"iss": ours}), "null", '""',
        "1", text(ours.replace("i", "\u0456", 1)), text(ours[:-1]), text("https://other.example")))
    draft.payload.set("iss", value)
    return ascii(value)


@mutation(6)
def subject(draft: Draft, random: Random) -> str:
    value = random.choice((
        '""', text("x" * 255), text("x" * 256), text("\u00e9" * 127), text("\u00e9" * 127 + "x"), text("\u00e9" * 128),
        text("\U0001f600" * 63 + "xyz"), text("\U0001f600" * 64), '" "', '"\\u0000"', '"a\\u0000"', '"\\u001f"', '"\\n"',
        '"\\u007f"', '"\u007f"', '"\\u0085"', '"\u0085"', '"\\u009f"', '"\\u00a0"', '"\\u200e"', '"\\u202e"', '"\\u2028"',
        '"\\ufeff"', '"\\ufffe"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\ude00x"', '"\\ue000"', '"\\u0378"', "5", "null",
        "true", '["alice"]', '{"id":"alice"}', '"e\\u0301"', '"\u00e9"', '"x"', '"\\u00ad"', text("\u3042" * 85)))
    draft.payload.set("sub", value)
    return ascii(value[:40])


@mutation(2)
def token_id(draft: Draft, random: Random) -> str:
    value = random.choice(('""', "5", "null", "[]", '"x"', "true", '"\\u0000"', text("x" * 1000)))
    draft.payload.set("jti", value)
    return value[:40]


# --- Header -----------------------------------------------------------------------------------------------------------

@mutation(6)
def type_of_token(draft: Draft, random: Random) -> str:
    value = random.choice((
        text("JWT"), text("jwt"), text("jWt"), text("at+jwt"), text("AT+JWT"), text("application/at+jwt"), text("At+Jwt"),
        text("application/JWT"), text("APPLICATION/jwt"), text("application/application/jwt"), text("application/"),
        text("JOSE"), text("JWT "), text("JWK"), text("dpop+jwt"), text("logout+jwt"), text("id_token+jwt"), '""',
        text("\uff2a\uff37\uff34"), text("jwt;charset=utf-8"), text("at+jwt\0"), text("at\u200b+jwt"), text("text/jwt"), "5",
        "null", '["JWT"]', '{"typ":"JWT"}', "true", '"J\\u0057T"', '"application\\/jwt"'))
    draft.header.set("typ", value)
    return ascii(value)


@mutation(5)
def extension(draft: Draft, random: Random) -> str:
    name, value = random.choice((
        ("crit", "[]"), ("crit", '["exp"]'), ("crit", '["alg"]'), ("crit", '["kid"]'), ("crit", '["typ"]'),
        ("crit", '["b64"]'), ("crit", '"alg"'), ("crit", "null"), ("crit", "[5]"), ("crit", '["x"]'), ("b64", "true"),
        ("b64", "false"), ("b64", "null"), ("b64", '"false"'), ("zip", '"DEF"'), ("zip", "null"), ("zip", "5"),
        ("cty", '"JWT"'), ("cty", '""'), ("cty", "5"), ("cty", '"json"'), ("enc", '"A256GCM"'), ("exp", "1"), ("x", "1"),
        ("iss", '"https://other.example"'), ("epk", "{}"), ("p2c", "100000000"), ("nonce", '"x"'), ("url", '"x"')))
    draft.header.set(name, value)
    if name == "crit" and value == '["x"]':
        draft.header.set("x", "1")
    return f"{name}: {value}"


@mutation(1)
def payload_not_encoded(draft: Draft, random: Random) -> str:
    """RFC 7797: the payload stands in the token as it is."""
    draft.header.set("b64", "false")
    if random.random() < 0.8:
        draft.header.set("crit", '["b64"]')
    draft.payload_segments.append(lambda segment: raw_json(draft.payload))
    return "b64: false"


def raw_json(members: Members) -> bytes:
    content = "{" + ",".join(f"{member.name}:{member.value}" for member in members) + "}"
    return content.replace(".", "\\u002e").encode("utf-8", "surrogatepass")


@mutation(5)
def key_hint(draft: Draft, random: Random) -> str:
    """Members that bring a key along. The signature is by that key, or good."""
    name = random.choice(("jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"))
    attacker = None
    if name == "jwk" and random.random() < 0.6 and draft.signer.algorithm in KEY_OF_ALGORITHM:
        algorithm = fast_algorithm(draft)
        attacker = new_key(algorithm)
        draft.signer = Signer(draft.signer.key_id, algorithm, attacker)
        draft.header.set("alg", text(draft.signer.algorithm))
    jwk = text((attacker or draft.signer.key).as_dict(private=False)) if draft.signer.algorithm in KEY_OF_ALGORITHM else "{}"
    values = {
        "jwk": (jwk,) * 3 + ("null", '"x"', "{}"),
        "jku": ('"https://evil.example/jwks"', '"http://127.0.0.1/"', '"file:///etc/passwd"', "5", '""'),
        "x5u": ('"https://evil.example/certificate"', "null", '"x"'),
        "x5c": ('["MIIB"]', "[]", '"MIIB"', "[5]", "{}"),
        "x5t": ('"x"', "5", "null"),
        "x5t#S256": ('"x"', "5", "{}"),
    }
    value = random.choice(values[name])
    draft.header.set(name, value)
    return f"{name}: {value[:40]}" + (", signed with it" if attacker else "")


def fast_algorithm(draft: Draft) -> str:
    """Making an RSA key for each attack would take most of the run's time."""
    fast = [name for name in draft.world.algorithms if KEY_OF_ALGORITHM[name][0] != "RSA"]
    return draft.random.choice(fast)


@mutation(6)
def key_id(draft: Draft, random: Random) -> str:
    ours = draft.signer.key_id or "x"
    others = sorted({str(jwk["kid"]) for jwk in draft.world.keys if "kid" in jwk})
    value = random.choice((
        *[text(name) for name in others], "remove", "remove", "remove", text(ours + " "), text(ours.upper()), text(ours + "\0"),
        escaped(ours, random), escaped(ours, random), text(draft.signer.key.thumbprint()), text("../../" + ours),
        text("' OR 1=1 --"), text("x" * 1000), '""', "null", "5", "[]", text([ours]), text({"kid": ours}), "true",
        text(ours[:-1]), text("\u200b" + ours), text("/dev/null"), '"\\ud800"'))
    if value == "remove":
        draft.header.remove("kid")
    else:
        draft.header.set("kid", value)
    return ascii(value[:60])


ALGORITHM_NAMES = ("none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "rs256", "es256", "Es256", "RS256 ",
                   "RS256\0", "RS1", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256K", "ES384", "ES512", "EdDSA",
                   "Ed25519", "Ed448", "RSA-OAEP", "dir", "ML-DSA-44", "RS\u200b256", "\uff32S256", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")


@mutation(5)
def algorithm_name(draft: Draft, random: Random) -> str:
    """Another `alg` over the same signature, or over none."""
    value = random.choice((*[text(name) for name in ALGORITHM_NAMES], "null", "5", '["RS256"]', "{}", "true"))
    if random.random() < 0.3:
        value = text(random.choice(draft.world.algorithms))
    draft.header.set("alg", value)
    if "none" in value.lower() or random.random() < 0.15:
        draft.signature_segments.append(lambda _: b"")
        return f"{ascii(value)}, no signature"
    return ascii(value)


@mutation(3)
def hmac_with_public_key(draft: Draft, random: Random) -> str:
    """The classic confusion: the verifier's public key taken for a secret."""
    key = draft.signer.key
    size = random.choice((256, 384, 512))
    draft.header.set("alg", text(f"HS{size}"))
    secret = public_secret(key, random)
    draft.signature = lambda data: hmac.new(secret, data, getattr(hashlib, f"sha{size}")).digest()
    return f"HS{size} with {len(secret)} bytes"


def public_secret(key: Key, random: Random) -> bytes:
    if key.key_type == "oct":
        return key.raw_value
    forms = [key.as_pem(private=False), key.as_pem(private=False).rstrip(), key.as_der(private=False),
             text(key.as_dict(private=False)).encode(), b"", str(key.as_dict(private=False).get("n", "")).encode()]
    return random.choice(forms)


@mutation(7)
def other_algorithm(draft: Draft, random: Random) -> str:
    """Signed rightly, by a key of the same type, with another of its algorithms."""
    kind = KEY_OF_ALGORITHM.get(draft.signer.algorithm, ("oct", None))
    # The digests and salts of some do not fit into the weak key.
    names = [name for name, other in KEY_OF_ALGORITHM.items() if other == kind]
    if not names or draft.signer.key_id == "weak":
        return "none"
    used, named = random.choice(names), random.choice(names)
    key = draft.signer.key
    draft.signature = lambda data: sign(used, key, data)
    draft.header.set("alg", text(random.choice((used, used, named))))
    return f"{used}"


# --- Signature --------------------------------------------------------------------------------------------------------

ORDERS = {
    32: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    48: 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}


def halves(signature: bytes) -> tuple[int, int, int]:
    size = len(signature) // 2
    return size, int.from_bytes(signature[:size]), int.from_bytes(signature[size:])


def joined(size: int, r: int, s: int) -> bytes:
    return r.to_bytes(size + 1)[-size:] + s.to_bytes(size + 1)[-size:]


def der(signature: bytes) -> bytes:
    _, r, s = halves(signature)
    return encode_dss_signature(r, s)


def with_other_s(signature: bytes) -> bytes:
    """The other signature that is good for the same message (ECDSA): n - s."""
    size, r, s = halves(signature)
    order = ORDERS.get(size)
    return signature if order is None or s >= order else joined(size, r, order - s)


ED25519_ORDER = (1 << 252) + 27742317777372353535851937790883648493


def with_order_added(signature: bytes) -> bytes:
    """The same S modulo the order of Ed25519: only the smaller one is allowed (RFC 8032 section 5.1.7)."""
    if len(signature) != 64:
        return signature
    s = int.from_bytes(signature[32:], "little") + ED25519_ORDER
    return signature[:32] + (s % (1 << 256)).to_bytes(32, "little")


SIGNATURE_FORMS: dict[str, Transform] = {
    "cut by one": lambda signature: signature[:-1],
    "cut in half": lambda signature: signature[:len(signature) // 2],
    "first byte gone": lambda signature: signature[1:],
    "zero after": lambda signature: signature + b"\0",
    "zero before": lambda signature: b"\0" + signature,
    "all zero": lambda signature: bytes(len(signature)),
    "all ones": lambda signature: b"\xff" * len(signature),
    "DER": der,
    "other s": with_other_s,
    "S and the order": with_order_added,
    "r and s swapped": lambda signature: signature[len(signature) // 2:] + signature[:len(signature) // 2],
    "r zero": lambda signature: joined(len(signature) // 2, 0, halves(signature)[2]),
    "s zero": lambda signature: joined(len(signature) // 2, halves(signature)[1], 0),
    "r and s the order": lambda signature: joined(
        len(signature) // 2, *(ORDERS.get(len(signature) // 2, 0),) * 2),
    "r and s one": lambda signature: joined(len(signature) // 2, 1, 1),
    "each half with a zero before": lambda signature: b"\0" + signature[:len(signature) // 2] + b"\0"
    + signature[len(signature) // 2:],
    "reversed": lambda signature: signature[::-1],
    "twice": lambda signature: signature * 2,
    "one byte": lambda signature: b"\0",
    "long": lambda signature: signature + bytes(1050 - len(signature) % 4),
}


@mutation(8)
def form_of_signature(draft: Draft, random: Random) -> str:
    name = random.choice([*SIGNATURE_FORMS, "other s", "other s"])
    draft.signatures.append(SIGNATURE_FORMS[name])
    return name


@mutation(2)
def signature_with_modulus_added(draft: Draft, random: Random) -> str:
    """The same number modulo n: only the smaller one is a signature (RFC 8017 section 8.2.2)."""
    if draft.signer.key.key_type != "RSA":
        return "no RSA"
    numbers = draft.signer.key.public_key.public_numbers()

    def add(signature: bytes) -> bytes:
        value = int.from_bytes(signature) + numbers.n
        return value.to_bytes(max(len(signature), (value.bit_length() + 7) // 8))

    draft.signatures.append(add)
    return "RSA"


@mutation(2)
def pss_parameters(draft: Draft, random: Random) -> str:
    """Salts of other lengths, and masks by another digest, than RFC 7518 section 3.5 prescribes."""
    key, digests = draft.signer.key, {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
    # The longest salt does not fit into the weak key.
    if key.key_type != "RSA" or draft.signer.key_id == "weak":
        return "no RSA"
    size, mask_size, salt = random.choice(list(digests)), random.choice(list(digests)), random.choice((0, 20, 32, 48, 64, 150))
    draft.header.set("alg", text(f"PS{size}"))
    scheme = padding.PSS(padding.MGF1(digests[mask_size]), salt)
    draft.signature = lambda data: key.private_key.sign(data, scheme, digests[size])
    return f"PS{size} with a mask by SHA-{mask_size} and {salt} bytes of salt"


@mutation(4)
def signature_of_other(draft: Draft, random: Random) -> str:
    """The signature of another token by the same key, or of this one by another key."""
    if random.random() < 0.5:
        other = honest(draft.world, random)
        other.signer = draft.signer
        foreign = other.render().rpartition(b".")[2]
        draft.signature_segments.append(lambda _: foreign)
        return "another token's"
    signer = random.choice(draft.world.signers + draft.world.odd_signers)
    draft.signature = lambda data: sign(signer.algorithm, signer.key, data)
    return f"by {signer.key_id!r} with {signer.algorithm}"


@mutation(2)
def claims_exchanged(draft: Draft, random: Random) -> str:
    """Another token's payload under this one's signature."""
    other = honest(draft.world, random)
    other.payload.set("sub", text("mallory"))
    payload = other.render().split(b".")[1]

    def exchange(token: bytes) -> bytes:
        parts = token.split(b".")
        return b".".join((parts[0], payload, parts[-1]))

    draft.tokens.append(exchange)
    return "unsigned"


@mutation(1)
def encoded_twice(draft: Draft, random: Random) -> str:
    draft.payload_segments.append(base64url)
    return "payload"
