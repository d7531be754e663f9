"""The settings of object storage, part of ``pipeline.settings.Settings``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, NonNegativeInt, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class StorageSettings(BaseSettings):
    """Where batches, fields, models and products of runs lie, and their backups; no URL: the data folder."""

    model_config = SettingsConfigDict(env_prefix="SAMEAIR_", extra="forbid", frozen=True)

    storage_url: str = Field(
        "",
        pattern=r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*/?)?$",
        description="s3://bucket/prefix for batches, fields, models and products of runs; empty: the folder",
    )
    storage_endpoint: str = Field(
        "",
        pattern=r"^(https?://[^\s/?#@]+)?$",
        description="address of an S3-compatible server; empty: AWS, or AWS_ENDPOINT_URL",
    )
    storage_region: str = Field("", description="its region; empty: as AWS_DEFAULT_REGION and the like say")
    storage_key_id: SecretStr = Field(
        SecretStr(""), description="access key id; empty: the usual AWS variables, files and roles"
    )
    storage_secret: SecretStr = Field(SecretStr(""), description="secret of that access key")
    storage_ca_file: Path | None = Field(None, description="extra certificate authority of that server")
    storage_timeout: float = Field(30.0, gt=0, le=600, description="[s] for every answer of that server")
    storage_cache_mb: NonNegativeInt = Field(
        4096, description="[MB] of batches kept in cache/objects of the data folder; 0: none"
    )
    backup_to: str = Field(
        "", description="where `sameair backup` writes, nightly too: a folder on another disk, or s3://…"
    )
    backup_keep: tuple[PositiveInt, NonNegativeInt, NonNegativeInt] = Field(
        (7, 5, 12), description="JSON list: of how many days, weeks and months the newest backup stays"
    )
