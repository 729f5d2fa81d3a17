"""The proof of who has signed in: made by the brand's backend after its own sign-in, handed to the app, sent by the app.

Needs PyJWT. The signing secret never leaves the backend; whoever has it can speak for every customer of the brand.
"""

import os
import sys
import time

import jwt

LIFE_S = 600  # the app uses it at once; a stolen one is soon worth nothing


def customer_token(external_id: str, *, brand: str, signing_secret: str) -> str:
    """A token that proves `external_id`, the customer's id in your own systems."""
    claims = {"sub": external_id, "aud": brand, "exp": int(time.time()) + LIFE_S}
    return jwt.encode(claims, signing_secret, algorithm="HS256")


if __name__ == "__main__":
    secret = os.environ["SIGNING_SECRET"]
    sys.stdout.write(customer_token(sys.argv[1], brand=sys.argv[2], signing_secret=secret) + "\n")
