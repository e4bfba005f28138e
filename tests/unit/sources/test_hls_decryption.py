from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import BadMedia
from monitor.sources.decryption import decrypted, explicit_vector, sequence_vector

KEY = bytes(range(16))


def encrypted(data: bytes, key: bytes, vector: bytes) -> bytes:
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()


def test_known_answer_of_nist() -> None:
    """NIST SP 800-38A, F.2.2 (CBC-AES128.Decrypt), first block, with the padding block that RFC 8216 adds."""
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    vector = bytes(range(16))
    clear = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    cipher = encrypted(clear, key, vector)
    assert cipher[:16] == bytes.fromhex("7649abac8119b246cee98e9b12e9197d")
    assert decrypted(cipher, key, vector, "segment") == clear


@given(st.binary(max_size=100), st.integers(0, 2**63))
def test_decryption_undoes_encryption(data: bytes, sequence: int) -> None:
    vector = sequence_vector(sequence)
    assert decrypted(encrypted(data, KEY, vector), KEY, vector, "segment") == data


def test_vectors() -> None:
    assert sequence_vector(258) == bytes(14) + b"\x01\x02"
    assert explicit_vector("0X12A") == bytes(14) + b"\x01\x2a"
    with pytest.raises(ValueError, match="128 bits"):
        explicit_vector("0x" + "0" * 33)


def test_truncated_and_wrongly_keyed_media_are_bad_media() -> None:
    cipher = encrypted(b"x" * 40, KEY, bytes(16))
    with pytest.raises(BadMedia, match="47 encrypted bytes") as truncated:
        decrypted(cipher[:-1], KEY, bytes(16), "segment")
    with pytest.raises(BadMedia, match="the key is wrong") as wrong:
        decrypted(cipher, bytes(16), bytes(16), "segment")
    assert (truncated.value.reason, wrong.value.reason) == ("eof", "decode")
