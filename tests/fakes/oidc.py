"""A small OpenID provider: checks client, PKCE and code, signs what it says; a test bends each part of it."""

import base64
import hashlib
import json
import secrets
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import ECKey

from tests.fakes.server import FakeAnswer

CLIENT, SECRET = "sameair", "a secret of both"


class FakeProvider:
    """Lets whoever asks in as ``subject``; ``bend`` changes the claims, ``key`` the signature."""

    source = "oidc"

    def __init__(self, now):
        self.now, self.subject, self.issuer = now, "248289761001", ""
        self.key = self.published = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig"})
        self.codes, self.bend = {}, {}

    def answer(self, method, path, query, form, headers):
        """Answer one request."""
        if path == "/.well-known/openid-configuration":
            places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            return _json({"issuer": self.issuer, **{k: f"{self.issuer}/{v}" for k, v in places.items()}})
        if path == "/keys":
            return _json({"keys": [self.published.as_dict(private=False)]})
        if path == "/authorize":
            return self._authorize(query)
        return self._token(form, headers) if (method, path) == ("POST", "/token") else FakeAnswer(404)

    def _authorize(self, query):
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        said = urlencode({"code": code, "state": query["state"], "iss": self.issuer})
        return FakeAnswer(302, headers={"Location": f"{query['redirect_uri']}?{said}"})

    def _token(self, form, headers):
        asked = self.codes.pop(form.get("code", ""), None)
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".replace(" ", "+").encode()).decode()
        plain = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        hashed = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(hashed).decode().rstrip("=")
        good = asked is not None and asked["code_challenge"] == challenge
        good = good and asked["redirect_uri"] == form["redirect_uri"]
        if not good or headers.get("authorization") not in (basic, plain):
            return FakeAnswer(400, body=b'{"error": "invalid_grant"}')
        now = int(self.now().timestamp())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": self.subject, "iat": now, "exp": now + 300}
        claims = {**claims, "nonce": asked["nonce"], **self.bend}
        signed = jwt.encode({"alg": "ES256", "kid": "k1"}, claims, self.key)
        return _json({"access_token": "x", "token_type": "Bearer", "expires_in": 300, "id_token": signed})


def _json(found):
    return FakeAnswer(body=json.dumps(found).encode())
