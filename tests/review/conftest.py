"""What the tests of the pages share."""

import pytest
from argon2 import PasswordHasher

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="package", autouse=True)
def quick_passwords():
    """Hash passwords in a moment: how long it takes is the library's matter, not these tests'."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("review.accounts.passwords._HASHER", QUICK)
        patch.setattr("review.accounts.passwords._NOBODY", QUICK.hash("nobody's password"))
        yield
