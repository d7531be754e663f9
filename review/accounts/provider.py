"""Signing in by an identity provider: OpenID Connect with authorization code, PKCE, state and nonce."""

from __future__ import annotations


def known_as(issuer: str, subject: str) -> str:
    """Return by which text an account holds a person whom a provider knows.

    >>> known_as("https://id.example/", "248289761001")
    'https://id.example 248289761001'
    """
    return f"{issuer.rstrip('/')} {subject}"
