"""Secrets do not get into what is told about an attempt."""

import json

import pytest

from actors.abridged import abridged, abridged_text
from actors.masking import Mask, names_a_secret


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "DB_PASSWORD",
        "apiKey",
        "api_key",
        "openai-api-key",
        "authToken",
        "clientSecret",
        "Authorization",
        "APIKey",
    ],
)
def test_keys_that_name_secrets_are_known(key: str):
    assert names_a_secret(key)


@pytest.mark.parametrize("key", ["author", "tokens", "max_tokens", "sort_key", "key", "monkey", "passage", "secretary"])
def test_other_keys_are_not(key: str):
    assert not names_a_secret(key)


@pytest.mark.parametrize("secret", ["plain-secret", 'with "quotes"', "two\nlines-of-a-long-key", "back\\slash"])
def test_a_secret_is_masked_however_it_is_quoted(secret: str):
    mask = Mask([secret])

    for text in (secret, repr(secret), json.dumps({"x": secret}), f"<{secret}>"):
        assert secret not in mask.text(text)
        assert "***" in mask.text(text)


def test_a_secret_that_contains_another_is_masked_whole():
    assert Mask(["abcd", "abcdefgh"]).text("abcdefgh abcd") == "*** ***"


def test_short_values_stay_readable():
    assert Mask(["eu", ""]).text("Reuters in Europe") == "Reuters in Europe"


def test_a_secret_at_the_cut_of_a_long_text_does_not_show():
    shown = abridged({"text": "x" * 295 + "secret-of-some-length" + "x" * 1000}, Mask(["secret-of-some-length"]))

    assert "secret" not in json.dumps(shown)


def test_a_long_text_keeps_its_beginning_and_more_of_its_end():
    text = abridged_text("a" * 1000 + "z" * 1000, 400)

    assert text.startswith("a" * 100)
    assert text.endswith("z" * 300)
    assert "1600 characters left out" in text
