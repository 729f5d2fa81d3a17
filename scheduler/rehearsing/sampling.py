"""Which people a sample holds: by a hash of their id, so that the same are in it whenever it is asked for. Pure."""

import hashlib


def sampled(customer_id: str, share: float) -> bool:
    """Whether this person is in a sample of that share of all."""
    if share >= 1:
        return True
    digest = hashlib.sha256(f"rehearsal:{customer_id}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48 < share
