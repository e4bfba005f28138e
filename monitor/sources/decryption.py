"""AES-128 segments of HLS (RFC 8216, 4.3.2.4 and 5.2): whole segments in AES-128-CBC with PKCS #7 padding."""

from __future__ import annotations

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from monitor.errors import BadMedia

BLOCK_BYTES = 16
KEY_BYTES = 16


def sequence_vector(sequence: int) -> bytes:
    """The implicit initialization vector: the media sequence number as a 128-bit big-endian integer."""
    return sequence.to_bytes(BLOCK_BYTES, "big")


def explicit_vector(text: str) -> bytes:
    """The initialization vector of an IV attribute, ``0x`` and up to 32 hexadecimal digits.

    Raises:
        ValueError: not a hexadecimal number of at most 128 bits.
    """
    digits = text.lower().removeprefix("0x")
    if len(digits) > 2 * BLOCK_BYTES:
        raise ValueError(f"IV {text!r} has more than 128 bits")
    return bytes.fromhex(digits.rjust(2 * BLOCK_BYTES, "0"))


def decrypted(data: bytes, key: bytes, vector: bytes, name: str) -> bytes:
    """``data`` in the clear, padding removed.

    Args:
        data: the whole encrypted resource.
        key: ``KEY_BYTES`` bytes.
        vector: initialization vector, 16 bytes.
        name: what is being decrypted, for the error.

    Raises:
        BadMedia: not a whole number of blocks, or wrong padding: damaged, or the wrong key.
    """
    if not data or len(data) % BLOCK_BYTES:
        raise BadMedia(
            f"{name}: {len(data)} encrypted bytes are no whole number of {BLOCK_BYTES}-byte blocks; truncated?", reason="eof"
        )
    decryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
    unpadder = padding.PKCS7(8 * BLOCK_BYTES).unpadder()
    clear = decryptor.update(data) + decryptor.finalize()
    try:
        return unpadder.update(clear) + unpadder.finalize()
    except ValueError:
        raise BadMedia(f"{name}: wrong padding after decryption; damaged, or the key is wrong", reason="decode") from None
