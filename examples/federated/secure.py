"""Secure sums (Bonawitz and others, 2017): the server learns the sum of the clients' vectors and no single one.

Each pair of clients agrees on a mask that one adds and the other subtracts, and each client adds one of its own. If a
client drops out, the others give the server shares of the key of its pairwise masks; of those that stay, shares of the
seed of their own mask. Nobody gives both for one client, so no vector is ever without a mask.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray
from pydantic import BaseModel

Words = NDArray[np.uint32]  # arithmetic wraps around at 2**32
_PRIME = 2**521 - 1  # larger than any key
_KEY_BYTES = 32
_SHARE_BYTES = 66
_SCALE, _MOST = 2**20, 8.0  # of fixed-point numbers


class TooFewSharesError(Exception):
    """Too many clients dropped out: their masks cannot be removed."""


class Offer(BaseModel):
    """A client's public keys of a round, in hexadecimal: for pairwise masks, and for the shares that others send it."""

    client: int
    mask_key: str
    share_key: str


class Shares(BaseModel):
    """A client's shares for the others: client -> encrypted, base64."""

    client: int
    sealed: dict[int, str]


class Revealed(BaseModel):
    """What a client tells the server: shares of mask keys of those that dropped out, of seeds of those that stayed."""

    client: int
    mask_keys: dict[int, str]
    seeds: dict[int, str]


def fixed_point(values: NDArray[np.float32]) -> Words:
    """Numbers as words; what is beyond 8 counts as 8."""
    return np.rint(np.clip(values, -_MOST, _MOST) * _SCALE).astype(np.int64).astype(np.uint32)


def floating(total: Words) -> NDArray[np.float32]:
    """The sum of at most 255 vectors of `fixed_point`."""
    return (total.astype(np.int32) / _SCALE).astype(np.float32)


class Member:
    """A client in one round. Everything follows from its secret, so a repeated step gives the same."""

    def __init__(self, client: int, secret: bytes, round_: str) -> None:
        """Set up. ``secret``: 32 random bytes that never leave the client."""
        self.client = client
        self._secret, self._round = secret, round_
        self._mask = X25519PrivateKey.from_private_bytes(self._derived("mask"))
        self._share = X25519PrivateKey.from_private_bytes(self._derived("share"))

    def offer(self) -> Offer:
        """Its public keys."""
        keys = [key.public_key().public_bytes_raw().hex() for key in (self._mask, self._share)]
        return Offer(client=self.client, mask_key=keys[0], share_key=keys[1])

    def shares(self, offers: Sequence[Offer], threshold: int) -> Shares:
        """Shares of its mask key and of its own mask's seed, sealed for each client."""
        parts = [self._shared(name, [offer.client for offer in offers], threshold) for name in ("mask", "seed")]
        sealed = {
            offer.client: self._sealed(offer, parts[0][offer.client] + parts[1][offer.client]) for offer in offers
        }
        return Shares(client=self.client, sealed=sealed)

    def masked(self, values: Words, offers: Sequence[Offer]) -> Words:
        """Its vector behind its own mask and those that it shares with each other client."""
        total = values + _stream(self._derived("seed"), len(values))
        for offer in offers:
            if offer.client != self.client:
                agreed = _agreed(self._mask, offer.mask_key, self._round)
                pair = _stream(agreed, len(values))
                total = total + pair if self.client < offer.client else total - pair
        return total

    def revealed(self, offers: Sequence[Offer], shares: Sequence[Shares], stayed: Sequence[int]) -> Revealed:
        """What the server needs to remove the masks; never both shares of one client."""
        by_client = {offer.client: offer for offer in offers}
        told = Revealed(client=self.client, mask_keys={}, seeds={})
        for each in shares:
            opened = self._opened(by_client[each.client], each.sealed[self.client])
            if each.client in stayed:
                told.seeds[each.client] = opened[_SHARE_BYTES:].hex()
            else:
                told.mask_keys[each.client] = opened[:_SHARE_BYTES].hex()
        return told

    def _derived(self, what: str, length: int = _KEY_BYTES) -> bytes:
        return HKDF(SHA256(), length, salt=None, info=f"{self._round}/{what}".encode()).derive(self._secret)

    def _shared(self, what: str, clients: Sequence[int], threshold: int) -> dict[int, bytes]:
        """Shamir's shares of a derived key, by client."""
        secret = int.from_bytes(self._derived(what), "big")
        tail = [int.from_bytes(self._derived(f"{what}/{n}", _SHARE_BYTES), "big") % _PRIME for n in range(1, threshold)]
        return {client: _value([secret, *tail], client + 1).to_bytes(_SHARE_BYTES, "big") for client in clients}

    def _sealed(self, offer: Offer, text: bytes) -> str:
        key = _agreed(self._share, offer.share_key, self._round)
        return base64.b64encode(ChaCha20Poly1305(key).encrypt(_nonce(self.client, offer.client), text, None)).decode()

    def _opened(self, offer: Offer, sealed: str) -> bytes:
        key = _agreed(self._share, offer.share_key, self._round)
        nonce = _nonce(offer.client, self.client)
        return ChaCha20Poly1305(key).decrypt(nonce, base64.b64decode(sealed), None)


def unmasked(
    masked: Mapping[int, Words], offers: Sequence[Offer], revealed: Sequence[Revealed], threshold: int, round_: str
) -> Words:
    """The sum of the vectors of those that stayed.

    Raises:
        TooFewSharesError: fewer clients than the threshold told their shares.
    """
    if min(len(revealed), len(masked)) < threshold:
        raise TooFewSharesError(f"{min(len(revealed), len(masked))} clients answered, and {threshold} are needed")
    length = len(next(iter(masked.values())))
    total = np.zeros(length, np.uint32)
    for vector in masked.values():
        total = total + vector
    for client in masked:
        total = total - _stream(_joined(client, revealed, "seeds", threshold), length)
    for offer in offers:
        if offer.client not in masked:
            key = X25519PrivateKey.from_private_bytes(_joined(offer.client, revealed, "mask_keys", threshold))
            total = total + _left_over(offer.client, key, masked, {each.client: each for each in offers}, round_)
    return total


def _left_over(
    gone: int, key: X25519PrivateKey, masked: Mapping[int, Words], offers: Mapping[int, Offer], round_: str
) -> Words:
    """The masks that a client which dropped out shares with those that stayed, with its own sign."""
    total: Any = np.uint32(0)
    for client, vector in masked.items():
        pair = _stream(_agreed(key, offers[client].mask_key, round_), len(vector))
        total = total + pair if gone < client else total - pair
    return np.asarray(total, np.uint32)


def _joined(client: int, revealed: Sequence[Revealed], kind: str, threshold: int) -> bytes:
    points = [(each.client + 1, int(getattr(each, kind)[client], 16)) for each in revealed][:threshold]
    return _secret_of(points).to_bytes(_KEY_BYTES, "big")


def _value(coefficients: Sequence[int], at: int) -> int:
    total = 0
    for coefficient in reversed(coefficients):
        total = (total * at + coefficient) % _PRIME
    return total


def _secret_of(points: Sequence[tuple[int, int]]) -> int:
    """Lagrange's interpolation at 0."""
    total = 0
    for at, value in points:
        upper = lower = 1
        for other, _ in points:
            if other != at:
                upper, lower = upper * other % _PRIME, lower * (other - at) % _PRIME
        total = (total + value * upper * pow(lower, -1, _PRIME)) % _PRIME
    return total


def _agreed(own: X25519PrivateKey, other: str, round_: str) -> bytes:
    exchanged = own.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(other)))
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=f"{round_}/pair".encode()).derive(exchanged)


def _nonce(sender: int, receiver: int) -> bytes:
    return sender.to_bytes(6, "big") + receiver.to_bytes(6, "big")


def _stream(key: bytes, length: int) -> Words:
    cipher = Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor()
    return np.frombuffer(cipher.update(bytes(4 * length)), "<u4").astype(np.uint32)
