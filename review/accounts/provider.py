"""Signing in by an identity provider: OpenID Connect with authorization code, PKCE, state and nonce.

The provider says who somebody is; whether they have an account, of which party and in which role, is
written here alone. An account is found by issuer and subject, which do not change as a mail address does.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from pipeline.errors import ReviewError, UsageError
from pipeline.settings import Settings
from review.accounts.passwords import new_token

WAIT_S: Final = 10
LEEWAY_S: Final = 60
"""Longest wait for an answer of the provider, and by how much its clock may differ [s]."""
SIGNED_BY: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
"""Signatures with the provider's private key; one with a shared secret, or none, does not count."""


class ProviderRefused(ReviewError):
    """The provider did not say, in a way that can be checked, who somebody is."""


@dataclass(frozen=True)
class Pending:
    """A sign-in under way, as the browser carries it, sealed; ``made`` in seconds since 1970."""

    state: str
    nonce: str
    verifier: str
    to: str
    made: int


@dataclass(frozen=True)
class Provider:
    """An identity provider as the settings name it."""

    issuer: str
    client: str
    secret: str
    trust: str

    @classmethod
    def of(cls, settings: Settings) -> Provider:
        """Return the provider of an installation; UsageError if its secret cannot be read."""
        try:
            secret = settings.oidc_secret_file.read_text("utf-8").strip() if settings.oidc_secret_file else ""
        except (OSError, ValueError) as error:
            raise UsageError(f"SAMEAIR_OIDC_SECRET_FILE: {error}") from error
        trust = str(settings.oidc_ca_file) if settings.oidc_ca_file else ""
        return cls(settings.oidc_issuer.rstrip("/"), settings.oidc_client, secret, trust)

    def begin(self, back: str, to: str, at: datetime) -> tuple[str, Pending]:
        """Return where to send somebody, and what to keep until they come back.

        Parameters
        ----------
        back : address of ours to which the provider sends them
        to : page of ours that they wanted

        Raises
        ------
        ProviderRefused
            the provider cannot be reached or is another one
        """
        pending = Pending(new_token(), new_token(), new_token() + new_token(), to, int(at.timestamp()))
        try:
            address, _ = self._session(back).create_authorization_url(
                self._endpoint("authorization_endpoint"),
                state=pending.state,
                nonce=pending.nonce,
                code_verifier=pending.verifier,
            )
        except (AuthlibBaseError, requests.RequestException, ValueError) as error:
            raise ProviderRefused(str(error)) from error
        return str(address), pending

    def finish(self, back: str, pending: Pending, came: dict[str, str], at: datetime) -> str:
        """Return by which text the account of who came back is known.

        Raises
        ------
        ProviderRefused
            the answer is not to this question, or what it signs is not right
        """
        if not came.get("code") or came.get("state") != pending.state:
            raise ProviderRefused("the answer is not to what was asked")
        if came.get("iss", self.issuer).rstrip("/") != self.issuer:
            raise ProviderRefused("another provider answered")
        try:
            token = self._session(back).fetch_token(
                self._endpoint("token_endpoint"),
                code=came["code"],
                code_verifier=pending.verifier,
                grant_type="authorization_code",
                timeout=WAIT_S,
            )
            keys = KeySet.import_key_set({"keys": self._get(self._endpoint("jwks_uri"))["keys"]})
            claims = jwt.decode(str(token["id_token"]), keys, algorithms=SIGNED_BY).claims
            self._check(claims, pending.nonce, at)
        except (AuthlibBaseError, JoseError, requests.RequestException, ValueError, KeyError) as error:
            raise ProviderRefused(str(error) or type(error).__name__) from error
        return known_as(self.issuer, str(claims["sub"]))

    def _check(self, claims: dict[str, Any], nonce: str, at: datetime) -> None:
        registry = jwt.JWTClaimsRegistry(
            now=int(at.timestamp()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        registry.validate({**claims, "iss": str(claims.get("iss", "")).rstrip("/")})
        heard = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if claims.get("azp", self.client) != self.client or (len(heard) > 1 and "azp" not in claims):
            raise ValueError("the answer was made for another client")

    def _session(self, back: str) -> OAuth2Session:
        session = OAuth2Session(
            self.client,
            self.secret or None,
            scope="openid",
            redirect_uri=back,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self.secret else "none",
        )
        session.verify = self.trust or True
        return session

    def _endpoint(self, name: str) -> str:
        address = str(_metadata(self)[name])
        if urlsplit(address).scheme != "https" and not self.issuer.startswith("http:"):
            raise ValueError(f"{name} of the provider is not reached over TLS")
        return address

    def _get(self, address: str) -> dict[str, Any]:
        answer = requests.get(address, timeout=WAIT_S, verify=self.trust or True, allow_redirects=False)
        answer.raise_for_status()
        found = answer.json()
        if not isinstance(found, dict):
            raise ValueError(f"{address} answers no JSON object")
        return found


def known_as(issuer: str, subject: str) -> str:
    """Return by which text an account holds a person whom a provider knows.

    >>> known_as("https://id.example/", "248289761001")
    'https://id.example 248289761001'
    """
    return f"{issuer.rstrip('/')} {subject}"


def to_plain(pending: Pending) -> dict[str, Any]:
    """Return a sign-in under way as it is sealed."""
    return asdict(pending)


@lru_cache(maxsize=4)
def _metadata(provider: Provider) -> dict[str, Any]:
    """Return where a provider does what; asked once, as failures are not kept."""
    found = provider._get(f"{provider.issuer}/.well-known/openid-configuration")
    if str(found.get("issuer", "")).rstrip("/") != provider.issuer:
        raise ValueError("the provider's document names another issuer")
    missing = {"authorization_endpoint", "token_endpoint", "jwks_uri"} - set(found)
    if missing:
        raise ValueError(f"the provider's document names no {', '.join(sorted(missing))}")
    return found
