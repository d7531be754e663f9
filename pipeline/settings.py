"""Every setting in one place, read from variables and the configuration file, passed down as an argument."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field, PositiveInt, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pipeline.configuration import ConfigFile
from pipeline.errors import UsageError
from pipeline.storage.settings import StorageSettings


class Settings(StorageSettings):
    """What an installation may choose; secrets show as stars wherever they are printed.

    >>> Settings(smtp_password=SecretStr("hunter2")).smtp_password
    SecretStr('**********')
    """

    model_config = SettingsConfigDict(env_prefix="SAMEAIR_", extra="forbid", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, the strongest first: arguments, variables, the configuration file."""
        return init_settings, env_settings, ConfigFile(settings_cls)

    data_dir: Path = Field(Path("var"), description="folder under which everything lies")
    ledger_url: str = Field(
        "", repr=False, description="SQLAlchemy URL of the ledger; empty: SQLite in the data folder"
    )
    channel: str = Field("folder", pattern="^(folder|smtp)$", description="how e-mails leave: folder or smtp")
    party: str = Field(
        "",
        pattern="^([a-z][a-z0-9-]{0,31})?$",
        description="the only party for which this node signs and delivers; empty: one node for all",
    )
    key_password: SecretStr = Field(SecretStr(""), description="password of the private signing keys")
    key_password_file: Path | None = Field(None, description="file that holds that password instead")
    clock_skew: PositiveInt = Field(
        300, le=3600, description="[s] by which the clocks of two nodes may differ"
    )
    recipients_file: Path | None = Field(
        None, description="TOML list of recipients; default: the packaged drill list"
    )
    deliver_for: tuple[str, ...] = Field(
        (), description="JSON list of the parties to whose recipients this node delivers; empty: to all"
    )
    sharing_file: Path | None = Field(
        None, description="TOML rules of what each party lets leave its node; default: the packaged rules"
    )
    programme_file: Path | None = Field(
        None, description="TOML hours and limits of the exchange's daily life; default: the packaged ones"
    )
    season_file: Path | None = Field(
        None, description="TOML season calendar of both sides and its rhythm; default: the packaged one"
    )
    policy_file: Path | None = Field(None, description="TOML policy; default: the packaged policy")
    cities: tuple[str, ...] = Field(
        ("seoul-beijing",),
        description="JSON list of the sets of cities, and folders of own city files, that are forecast",
    )
    combine: str = Field(
        "beside",
        pattern="^(off|beside|used)$",
        description="forecasts of others: off, beside (shown and scored), used (in warnings, too)",
    )
    heavy_work: str = Field(
        "",
        pattern=r"^(\d{1,3}|(tcp|tls)://[^\s/]+:\d+)?$",
        description="where hindcasts, training and paths are computed: a number of processes, or the"
        " tcp://host:port of a Dask scheduler; empty: a process for each core, four at most",
    )
    live_sources: bool = Field(False, description="ask the live sources, hourly and in live cycles")
    airkorea_key: SecretStr = Field(SecretStr(""), description="service key of AirKorea (data.go.kr)")
    seoul_key: SecretStr = Field(SecretStr(""), description="key of Seoul Open Data (data.seoul.go.kr)")
    openaq_key: SecretStr = Field(SecretStr(""), description="key of OpenAQ v3")
    kma_key: SecretStr = Field(SecretStr(""), description="key of the KMA API hub")
    sources_off: tuple[str, ...] = Field((), description="JSON list of sources that are not asked")
    source_urls: dict[str, str] = Field(
        default_factory=dict, description="JSON object: another address of a source, such as a relay's"
    )
    source_ca_file: Path | None = Field(None, description="extra certificate authority for sources")
    exchange_inbox: Path | None = Field(
        None, description="folder into which the other side drops exchange files; default: in the data folder"
    )
    exchange_sftp: str = Field("", description="sftp://user@host:port/folder from which they are fetched")
    exchange_sftp_key: Path | None = Field(None, description="private key for that login")
    exchange_sftp_known_hosts: Path | None = Field(None, description="known_hosts file of that server")
    exchange_links: dict[str, str] = Field(
        default_factory=dict,
        description="JSON object: for each other party the folder, sftp:// or https:// address by which"
        " envelopes travel; several separated by blanks",
    )
    exchange_links_key: Path | None = Field(None, description="private key for their SFTP logins")
    exchange_links_known_hosts: Path | None = Field(
        None, description="known_hosts file of their SFTP servers"
    )
    exchange_links_ca_file: Path | None = Field(
        None, description="extra certificate authority for their HTTPS servers"
    )
    operator_address: str = Field("", description="e-mail address that is told about sources; empty: nobody")
    operator_webhook: SecretStr = Field(
        SecretStr(""), description="https address to which `sameair watch` posts what no mail could tell"
    )
    heartbeat_url: SecretStr = Field(
        SecretStr(""), description="address that `sameair watch` asks for each time all is well"
    )
    smtp_host: str = Field("127.0.0.1", description="mail server")
    smtp_port: int = Field(587, description="mail server's port")
    smtp_user: str = Field("", description="login; empty: none")
    smtp_password: SecretStr = Field(SecretStr(""), description="password")
    smtp_starttls: bool = Field(True, description="refuse to send without STARTTLS")
    smtp_ca_file: Path | None = Field(None, description="extra certificate authority to trust")
    smtp_timeout: float = Field(20.0, description="[s] for every step of a delivery")
    smtp_connections: PositiveInt = Field(
        4, le=50, description="connections at once; after a crash as many mails may be of unknown fate"
    )
    mail_from: str = Field("sameair@localhost", description="sender address")
    mailbox_url: str = Field(
        "",
        description="imaps://user@host[:port][/folder] or maildir:///folder of replies; empty: none is read",
    )
    mailbox_password: SecretStr = Field(SecretStr(""), description="password of that mailbox")
    mailbox_ca_file: Path | None = Field(
        None, description="extra certificate authority for the mailbox; default: that of mail"
    )
    acknowledge_url: str = Field(
        "",
        pattern=r"^(https://[^\s/?#]+[^\s?#]*|http://(127\.0\.0\.1|localhost)(:\d+)?)?$",
        description="public address of `sameair review --public`; empty: mails hold no link",
    )
    review_url: str = Field(
        "",
        pattern=r"^(https://[^\s/?#]+|http://(127\.0\.0\.1|localhost)(:\d+)?)?$",
        description="address under which people reach the review pages; empty: that on which they listen",
    )
    second_factor_roles: tuple[str, ...] = Field(
        (), description="JSON list of the roles that must set up a second factor before they see anything"
    )
    oidc_issuer: str = Field(
        "",
        pattern=r"^(https://[^\s?#]+|http://(127\.0\.0\.1|localhost)(:\d+)?[^\s?#]*)?$",
        description="identity provider (OpenID Connect) by which people may sign in; empty: passwords alone",
    )
    oidc_client: str = Field("", description="name under which the provider knows these pages")
    oidc_secret_file: Path | None = Field(
        None, description="file of the secret shared with the provider; none: a public client with PKCE"
    )
    oidc_ca_file: Path | None = Field(
        None, description="certificate authority of the provider; default: the usual ones"
    )
    remind_minutes: tuple[PositiveInt, ...] = Field(
        (30, 60), description="JSON list: minutes after sending at which an agency is reminded to acknowledge"
    )
    escalate_minutes: PositiveInt = Field(
        90, description="minutes after sending from which on it is escalated, hourly"
    )
    contact: str = Field("duty desk of the issuing party", description="contact line of every warning")
    log_format: str = Field(
        "text", pattern="^(text|json)$", description="log lines: text for people, or one JSON object each"
    )
    log_level: str = Field(
        "warning",
        pattern="^(debug|info|warning|error)$",
        description="log lines from this level on: debug, info, warning or error",
    )
    duty_telephone: str = Field(
        "",
        description="duty desk's number for every reader, or a JSON object of numbers by party; empty: none",
    )

    @property
    def duty_telephones(self) -> dict[str, str]:
        """Return the duty desks' numbers by party, that for everybody under an empty name.

        >>> Settings(duty_telephone="+82 2 000 0000").duty_telephones
        {'': '+82 2 000 0000'}
        >>> Settings(duty_telephone='{"seoul": "+82 2 000 0000"}').duty_telephones
        {'seoul': '+82 2 000 0000'}
        """
        if not self.duty_telephone.lstrip().startswith("{"):
            return {"": self.duty_telephone}
        return {str(party): str(number) for party, number in json.loads(self.duty_telephone).items()}

    @field_validator("duty_telephone", mode="before")
    @classmethod
    def _from_table(cls, value: object) -> object:
        """Take numbers by party as a table of the configuration file, too."""
        return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value

    @field_validator("duty_telephone")
    @classmethod
    def _is_object(cls, value: str) -> str:
        """Refuse what begins as a JSON object and is none."""
        if value.lstrip().startswith("{"):
            json.loads(value)
        return value

    @property
    def key_secret(self) -> str:
        """Return the password of the private keys, empty where there is none; UsageError without its file."""
        if self.key_password_file is None:
            return self.key_password.get_secret_value()
        try:
            return self.key_password_file.read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            raise UsageError(f"SAMEAIR_KEY_PASSWORD_FILE: {error}") from error

    @property
    def delivered_parties(self) -> tuple[str, ...]:
        """Return the parties to whose recipients this node delivers; none named: all.

        >>> Settings(party="seoul").delivered_parties, Settings().delivered_parties
        (('seoul',), ())
        """
        return (self.party,) if self.party else self.deliver_for

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
    def verification_dir(self) -> Path:
        """Return the folder of scores that are kept for the forecasters' page."""
        return self.data_dir / "verification"

    @property
    def reports_dir(self) -> Path:
        """Return the folder of reports that the archive lists."""
        return self.data_dir / "reports"

    @property
    def keys_dir(self) -> Path:
        """Return the folder of the parties' signing keys."""
        return self.data_dir / "keys"

    @property
    def forecast_fields_dir(self) -> Path:
        """Return the folder of other agencies' forecast fields."""
        return self.data_dir / "forecast_fields"

    @property
    def inbox_dir(self) -> Path:
        """Return the folder into which exchange files are dropped."""
        return self.exchange_inbox or self.data_dir / "inbox"

    @property
    def quarantine_dir(self) -> Path:
        """Return the folder of raw answers that could not be read."""
        return self.data_dir / "quarantine"
