"""Every setting in one place, read from ``SAMEAIR_…`` variables and passed down as an argument."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an installation may choose; secrets show as stars wherever they are printed.

    >>> Settings(smtp_password=SecretStr("hunter2")).smtp_password
    SecretStr('**********')
    """

    model_config = SettingsConfigDict(env_prefix="SAMEAIR_", extra="forbid", frozen=True)

    data_dir: Path = Field(Path("var"), description="folder under which everything lies")
    ledger_url: str = Field("", description="SQLAlchemy URL of the ledger; empty: SQLite in the data folder")
    channel: str = Field("folder", pattern="^(folder|smtp)$", description="how e-mails leave: folder or smtp")
    recipients_file: Path | None = Field(
        None, description="TOML list of recipients; default: the packaged drill list"
    )
    policy_file: Path | None = Field(None, description="TOML policy; default: the packaged policy")
    live_sources: bool = Field(False, description="ask AirKorea, CNEMC and Open-Meteo in live cycles")
    airkorea_key: SecretStr = Field(SecretStr(""), description="service key of AirKorea (data.go.kr)")
    smtp_host: str = Field("127.0.0.1", description="mail server")
    smtp_port: int = Field(587, description="mail server's port")
    smtp_user: str = Field("", description="login; empty: none")
    smtp_password: SecretStr = Field(SecretStr(""), description="password")
    smtp_starttls: bool = Field(True, description="refuse to send without STARTTLS")
    smtp_ca_file: Path | None = Field(None, description="extra certificate authority to trust")
    smtp_timeout: float = Field(20.0, description="[s] for every step of a delivery")
    mail_from: str = Field("sameair@localhost", description="sender address")
    contact: str = Field("duty desk of the issuing party", description="contact line of every warning")

    @property
    def ledger(self) -> str:
        """Return the URL of the ledger."""
        return self.ledger_url or f"sqlite:///{self.data_dir.resolve() / 'ledger.sqlite'}"

    @property
    def observations_dir(self) -> Path:
        """Return the folder of observation batches."""
        return self.data_dir / "observations"

    @property
    def outbox_dir(self) -> Path:
        """Return the folder into which the folder channel writes e-mails."""
        return self.data_dir / "outbox"

    @property
    def runs_dir(self) -> Path:
        """Return the folder of run products (NetCDF, bulletin, CAP)."""
        return self.data_dir / "runs"

    @property
    def models_dir(self) -> Path:
        """Return the folder of trained models."""
        return self.data_dir / "models"

    @property
    def keys_dir(self) -> Path:
        """Return the folder of the parties' signing keys."""
        return self.data_dir / "keys"

    @property
    def quarantine_dir(self) -> Path:
        """Return the folder of raw answers that could not be read."""
        return self.data_dir / "quarantine"
