"""SCRAM exchanges: RFC 7677's own example, and everything that must be refused."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_core.errors import IllegalSaslState, SaslAuthenticationFailed
from broker_core.policy.scram_credential import ScramMechanism, derive
from broker_core.server.scram import ScramExchange, random_nonce

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
CREDENTIALS = {
    (name, mechanism): derive(
        mechanism,
        salt=SALT,
        iterations=4096,
        salted_password=mechanism.salt_password(b"pencil", SALT, 4096),
    )
    for mechanism in ScramMechanism
    for name in ("user", "a,b=c", "Jürgen")
}
SHA_256, SHA_512 = ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512
SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"


def begun(mechanism: ScramMechanism = SHA_256) -> ScramExchange:
    return ScramExchange(mechanism, CREDENTIALS, server_nonce=SERVER_NONCE)


def attributes(message: bytes) -> dict[str, str]:
    return {part[0]: part[2:] for part in message.decode().split(",")}


def proof_of(mechanism: ScramMechanism, password: bytes, auth: str, said: dict[str, str]) -> str:
    """The client's half, written from RFC 5802 section 3 alone."""
    algorithm = f"sha{mechanism.name[-3:]}"
    salted = hashlib.pbkdf2_hmac(algorithm, password, base64.b64decode(said["s"]), int(said["i"]))
    client_key = hmac.digest(salted, b"Client Key", algorithm)
    stored_key = hashlib.new(algorithm, client_key).digest()
    signature = hmac.digest(stored_key, auth.encode(), algorithm)
    return base64.b64encode(
        bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    ).decode()


def sign_in(
    exchange: ScramExchange,
    mechanism: ScramMechanism,
    *,
    name: str = "user",
    password: bytes = b"pencil",
    gs2_header: str = "n,,",
) -> bytes:
    bare = f"n={name},r=clientnonce"
    first = exchange.step((gs2_header + bare).encode())
    said = attributes(first)
    binding = base64.b64encode(gs2_header.encode()).decode()
    without_proof = f"c={binding},r={said['r']}"
    auth = f"{bare},{first.decode()},{without_proof}"
    proof = proof_of(mechanism, password, auth, said)
    return exchange.step(f"{without_proof},p={proof}".encode())


def test_the_example_of_rfc_7677_signs_in() -> None:
    exchange = begun()

    first = exchange.step(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
    assert exchange.name is None
    final = exchange.step(
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )

    assert first == (
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    assert final == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert exchange.name == "user"


@pytest.mark.parametrize("mechanism", ScramMechanism)
@pytest.mark.parametrize(
    ("said", "gs2_header", "meant"),
    [
        ("user", "n,,", "user"),
        ("user", "y,,", "user"),
        ("user", "n,a=user,", "user"),
        ("a=2Cb=3Dc", "n,a=a=2Cb=3Dc,", "a,b=c"),
        ("Jürgen", "n,,", "Jürgen"),
    ],
)
def test_a_right_proof_signs_in_and_is_answered_with_ours(
    mechanism: ScramMechanism, said: str, gs2_header: str, meant: str
) -> None:
    exchange = begun(mechanism)

    final = sign_in(exchange, mechanism, name=said, gs2_header=gs2_header)

    assert exchange.name == meant
    assert len(base64.b64decode(final[2:])) == mechanism.digest_bytes


@pytest.mark.parametrize(("name", "password"), [("user", b"crayon"), ("nobody", b"pencil")])
def test_a_wrong_password_and_an_unknown_user_are_refused_alike(name: str, password: bytes) -> None:
    exchange = begun()

    with pytest.raises(SaslAuthenticationFailed, match="wrong user name or password"):
        sign_in(exchange, SHA_256, name=name, password=password)

    assert exchange.name is None


def test_somebody_unknown_is_asked_with_the_same_salt_each_time() -> None:
    asked = [attributes(begun().step(b"n,,n=nobody,r=x")) for _ in range(2)]
    other = attributes(begun().step(b"n,,n=somebody,r=x"))

    assert asked[0] == asked[1]
    assert asked[0]["s"] != other["s"]
    assert asked[0]["i"] == "4096"


def test_what_librdkafka_before_2_6_1_makes_of_the_nonce_is_taken() -> None:
    exchange = begun()
    first = exchange.step(b"n,,n=user,r=mine")
    said = attributes(first)
    without_proof = f"c=biws,r=mine{said['r']}"
    auth = f"n=user,r=mine,{first.decode()},{without_proof}"

    exchange.step(f"{without_proof},p={proof_of(SHA_256, b'pencil', auth, said)}".encode())

    assert exchange.name == "user"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n",
        b"n,,",
        b"n,,n=user",
        b"n,,n=,r=x",
        b"n,,r=x,n=user",
        b"n,,n=user,r=",
        b"n,,n=user,r=a b",
        b"n,,n=us=er,r=x",
        b"n,,n=us=2,r=x",
        b"n,,n=us\0er,r=x",
        b"n,,m=ext,n=user,r=x",
        b"p=tls-unique,,n=user,r=x",
        b"n,a=admin,n=user,r=x",
        b"n,b=user,n=user,r=x",
        b"n,,n=user,r=x,tokenauth=true",
        b"n,,n=\xff,r=x",
        b"n,,n=user,r=" + b"x" * 2000,
    ],
)
def test_a_first_message_that_is_not_one_is_refused(message: bytes) -> None:
    exchange = begun()

    with pytest.raises(SaslAuthenticationFailed):
        exchange.step(message)
    with pytest.raises(IllegalSaslState):
        exchange.step(b"n,,n=user,r=x")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"c=biws",
        b"c=biws,r=mineOURS",
        b"c=biws,r=mineOURS,p=",
        b"c=biws,r=mineOURS,p=!!!!",
        b"c=biws,r=mineOURS,p=AAAA",
        b"c=eSws,r=mineOURS,p=" + base64.b64encode(bytes(32)),
        b"c=biws,r=mine,p=" + base64.b64encode(bytes(32)),
        b"c=biws,r=OURS,p=" + base64.b64encode(bytes(32)),
        b"r=mineOURS,c=biws,p=" + base64.b64encode(bytes(32)),
        b"c=biws,r=mineOURS,p=" + base64.b64encode(bytes(32)),
        b"c=biws,r=mineOURS,p=" + base64.b64encode(bytes(2000)),
        b"\xff\xfe",
    ],
)
def test_a_final_message_that_is_not_the_right_one_is_refused(message: bytes) -> None:
    exchange = begun()
    exchange.step(b"n,,n=user,r=mine")

    with pytest.raises(SaslAuthenticationFailed) as refused:
        exchange.step(message.replace(b"OURS", SERVER_NONCE.encode()))

    assert "pencil" not in str(refused.value)
    assert exchange.name is None


def test_nothing_is_taken_after_the_end() -> None:
    exchange = begun()
    sign_in(exchange, SHA_256)

    with pytest.raises(IllegalSaslState):
        exchange.step(b"n,,n=user,r=x")


@given(messages=st.lists(st.binary(max_size=64), max_size=3))
def test_garbage_never_signs_in_and_never_crashes(messages: list[bytes]) -> None:
    exchange = begun()
    for message in messages:
        try:
            exchange.step(message)
        except (SaslAuthenticationFailed, IllegalSaslState):
            break
    assert exchange.name is None


@given(cut=st.integers(0, 200), flipped=st.integers(0, 200), by=st.integers(1, 255))
def test_any_change_to_a_right_final_message_is_refused(cut: int, flipped: int, by: int) -> None:
    exchange = begun()
    first = exchange.step(b"n,,n=user,r=mine")
    said = attributes(first)
    without_proof = f"c=biws,r={said['r']}"
    auth = f"n=user,r=mine,{first.decode()},{without_proof}"
    right = f"{without_proof},p={proof_of(SHA_256, b'pencil', auth, said)}".encode()
    wrong = bytearray(right[: max(0, len(right) - cut)] if cut else right)
    if not cut:
        wrong[flipped % len(wrong)] ^= by

    with pytest.raises(SaslAuthenticationFailed):
        exchange.step(bytes(wrong))


def test_nonces_are_never_the_same_and_are_printable() -> None:
    nonces = {random_nonce() for _ in range(100)}

    assert len(nonces) == 100
    assert all(nonce.isascii() and nonce.isprintable() and "," not in nonce for nonce in nonces)
