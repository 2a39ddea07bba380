"""Signatures: protocol.md 1.5, whose four vectors are the venue's own."""

import hashlib
import hmac
import random

import pytest

from mmbot.venue.bitmex.auth import Signer

KEY = "LAqUlngMIQkIUjXMUreyu3qn"
SECRET = "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO"


class At:
    """A clock that stands."""

    def __init__(self, seconds):
        self.seconds = seconds

    def now_ns(self):
        return self.seconds * 10**9


@pytest.mark.parametrize(
    ("verb", "target", "expires", "body", "signature"),
    [
        (
            "GET",
            "/api/v1/instrument",
            "1518064236",
            b"",
            "c7682d435d0cfe87c16098df34ef2eb5a549d4c5a3c2b1f0f77b8af73423bf00",
        ),
        (
            "GET",
            "/api/v1/instrument?filter=%7B%22symbol%22%3A+%22XBTM15%22%7D",
            "1518064237",
            b"",
            "e2f422547eecb5b3cb29ade2127e21b858b235b386bfa45e1c1756eb3383919f",
        ),
        (
            "POST",
            "/api/v1/order",
            "1518064238",
            (
                b'{"symbol":"XBTM15","price":219.0,"clOrdID":"mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA",'
                b'"orderQty":98}'
            ),
            "1749cd2ccae4aa49048ae09f0b95110cee706e0944e6a14ad0b3a8cb45bd336b",
        ),
        (
            "GET",
            "/realtime",
            "1518064236",
            b"",
            "6d459dc02866d35a2b965edeecc68063d488e296b77982235fc6eca24b934945",
        ),
    ],
)
def test_1_5_signature_vectors(verb, target, expires, body, signature):
    assert Signer(KEY, SECRET, At(0)).sign(verb, target, expires, body) == signature


def test_1_5_half_keyed_hashers_equal_a_whole_hmac_for_any_secret():
    rng = random.Random(5)
    for length in (1, 63, 64, 65, 200):
        secret = "".join(rng.choice("abcXYZ0189-_") for _ in range(length))
        body = rng.randbytes(50)

        ours = Signer("k", secret, At(0)).sign("PUT", "/api/v1/order?a=1", "17", body)

        text = b"PUT/api/v1/order?a=117" + body
        assert ours == hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def test_1_5_expiry_is_seconds_on_the_clock_that_is_passed_in():
    headers = Signer(KEY, SECRET, At(1518064226), lifetime_s=10).headers("GET", "/realtime")

    assert headers == {
        "api-key": KEY,
        "api-expires": "1518064236",
        "api-signature": "6d459dc02866d35a2b965edeecc68063d488e296b77982235fc6eca24b934945",
    }


def test_a_signer_never_shows_its_secret():
    assert SECRET not in repr(Signer(KEY, SECRET, At(0)))
