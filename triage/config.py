"""Every setting of a deployment, read once from the environment."""

from functools import cache
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

INSECURE_SECRETS = {"changeme", "change-me", "secret", "dev", "development"}
ENTROPY_MINIMUM = 32


def _psycopg_url(url: str) -> str:
    """Any way of writing a PostgreSQL address, as the one that names our driver."""
    for scheme in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    raise ValueError("is not a PostgreSQL address (postgresql://user@host/name)")


class Settings(BaseSettings):
    """Settings of one process; frozen. Raises `pydantic.ValidationError` where one is missing or unsafe."""

    model_config = SettingsConfigDict(env_prefix="TRIAGE_", frozen=True, extra="ignore", secrets_dir=None)

    environment: Literal["development", "test", "demo", "production"] = Field(
        "production",
        description="What this installation is for. Production refuses unsafe settings at start.",
    )
    database_url: str = Field(
        validation_alias="DATABASE_URL", description="PostgreSQL, as a role that owns no table."
    )
    migration_database_url: str | None = Field(
        None,
        description="The same database as the role that owns the tables; used by `triage migrate` alone.",
    )
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0", validation_alias="REDIS_URL", description="Redis or Valkey, 6.2 or newer."
    )
    public_url: str = Field(
        description="The address that carriers and browsers use, such as https://texts.clinic.example."
    )
    secret_key: SecretStr = Field(
        description="Signs cookies and encrypts carrier tokens; at least 32 characters. Older keys may follow,"
        " separated by commas."
    )
    twilio_api_url: str = Field(
        "", description="Another address of the carrier's API; empty means Twilio's own."
    )
    host: str = Field("127.0.0.1", description="Address that the web server listens on.")
    port: int = Field(8080, description="Port that the web server listens on.")
    metrics_port: int = Field(0, description="Internal port of Prometheus metrics; 0 switches them off.")
    metrics_host: str = Field("127.0.0.1", description="Address of the metrics; keep it inside your network.")
    web_workers: int = Field(2, ge=1, description="Web processes.")
    web_threads: int = Field(64, ge=32, description="Threads of a web process; an open page holds one.")
    trusted_proxies: int = Field(
        0, ge=0, description="Reverse proxies in front whose X-Forwarded-For is believed."
    )
    private_network: bool = Field(
        False,
        description="Nobody else can join the network of database and Redis, so they may be reached without TLS.",
    )
    pool_size: int = Field(10, ge=2, description="Database connections of a process.")
    log_format: Literal["json", "console"] = Field("json", description="How log lines are written.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")
    simulator_url: str = Field("", description="Address of the simulated phones (demo only).")
    reconcile_settle_seconds: int = Field(
        60, ge=0, description="How old a text at the carrier is before one that never arrived is fetched."
    )
    reconcile_every_seconds: int = Field(
        300, ge=1, description="How often the carrier is asked what it holds."
    )
    smtp_url: SecretStr = Field(
        SecretStr(""),
        description="The mail server for invitations and new passwords: smtp://user:password@host:587 (encrypted by"
        " STARTTLS) or smtps://user:password@host:465. Empty: links are shown to admins, to be handed over.",
    )
    mail_from: str = Field("", description="Who letters are from: `Triage <no-reply@clinic.example>`.")

    @field_validator("database_url", "migration_database_url")
    @classmethod
    def _name_the_driver(cls, url: str | None) -> str | None:
        return _psycopg_url(url) if url else None

    @field_validator("smtp_url")
    @classmethod
    def _is_a_mail_server(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value() and not url.get_secret_value().startswith(("smtp://", "smtps://")):
            raise ValueError("must start with smtp:// or smtps://")
        return url

    @field_validator("public_url", "twilio_api_url", "simulator_url")
    @classmethod
    def _without_trailing_slash(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _refuse_what_is_unsafe_in_production(self) -> Self:
        if self.is_production and not self.public_url.startswith("https://"):
            raise ValueError("TRIAGE_PUBLIC_URL must start with https:// in production")
        for key in self.secret_keys:
            if self.is_production and (key.lower() in INSECURE_SECRETS or len(key) < ENTROPY_MINIMUM):
                raise ValueError("TRIAGE_SECRET_KEY must be random and at least 32 characters long")
        if not self.secret_keys:
            raise ValueError("TRIAGE_SECRET_KEY is empty")
        if self.is_production and self.simulator_url:
            raise ValueError("TRIAGE_SIMULATOR_URL belongs to the demo and is refused in production")
        return self

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @property
    def can_mail(self) -> bool:
        return bool(self.smtp_url.get_secret_value())

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def secret_keys(self) -> list[str]:
        """The key in use first, then the ones it replaced."""
        return [key for key in self.secret_key.get_secret_value().split(",") if key]

    @property
    def owner_database_url(self) -> str:
        return self.migration_database_url or self.database_url


@cache
def settings() -> Settings:
    """The settings of this process, read at the first call."""
    return Settings()  # type: ignore[call-arg]  # the values come from the environment


def problems(error: ValidationError) -> list[str]:
    """One line for each setting that cannot be used, by the name that the environment knows."""
    lines = []
    for one in error.errors():
        name = str(one["loc"][0]) if one["loc"] else ""
        shown = name if name.isupper() else f"TRIAGE_{name.upper()}" if name else ""
        lines.append(f"{shown}: {one['msg']}".removeprefix(": ").replace("Value error, ", ""))
    return lines
