# PyJWT's PyJWKClient with its defaults, in the fast time that fast-clock.ts gives to the others.
import datetime
import os
import sys
import time

START = float(os.environ["CLOCK_START_MS"]) / 1000
SPEED = float(os.environ["CLOCK_SPEED"])
real_time, real_monotonic = time.time, time.monotonic


def fast_time():
    return START + (real_time() - START) * SPEED


class FastDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(fast_time(), tz)


time.time = fast_time
time.monotonic = lambda: real_monotonic() * SPEED
datetime.datetime = FastDatetime

import jwt  # noqa: E402

issuer = os.environ["ISSUER"]
client = jwt.PyJWKClient(os.environ["JWKS_URI"])

for line in sys.stdin:
    number, token = line.split()
    try:
        key = client.get_signing_key_from_jwt(token)
        jwt.decode(token, key.key, algorithms=["RS256"], issuer=issuer, audience=issuer)
        print(number, "ok", flush=True)
    except Exception as error:
        print(number, repr(error).replace("\n", " "), flush=True)
