"""Where the settings' addresses lead, and whether what travels there is encrypted."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import URL, make_url

from triage.config import ENTROPY_MINIMUM, INSECURE_SECRETS, Settings
from triage.doctoring.finding import Finding, ok, unsafe, warn

VERIFIED = ("verify-full", "verify-ca")


def look(settings: Settings) -> Iterator[Finding]:
    """Asks no server."""
    yield from _public_url(settings)
    yield from _proxies(settings)
    yield from _secret(settings)
    yield from _to_database(settings)
    yield from _to_redis(settings)


def _public_url(settings: Settings) -> Iterator[Finding]:
    is_for_trying = not settings.is_production and _is_near(urlsplit(settings.public_url).hostname or "")
    if settings.is_https:
        yield ok("public address", f"Carriers and browsers use {settings.public_url}.")
    elif is_for_trying:
        yield ok("public address", f"{settings.public_url} is for this computer alone.")
    else:
        yield unsafe(
            "public address",
            f"TRIAGE_PUBLIC_URL is {settings.public_url}, without encryption.",
            "Set it to the https:// address that carriers and browsers use.",
        )


def _proxies(settings: Settings) -> Iterator[Finding]:
    """The web processes speak no TLS: behind an https address there is a proxy, believed or not."""
    subject = "addresses of browsers"
    if settings.trusted_proxies:
        yield ok(subject, f"As {settings.trusted_proxies} proxy/proxies in front report them.")
    elif settings.is_https:
        yield warn(
            subject,
            "Everybody seems to come from the proxy's address, so all share one limit of failed sign-ins.",
            "Set TRIAGE_TRUSTED_PROXIES to the number of proxies in front.",
        )


def _secret(settings: Settings) -> Iterator[Finding]:
    mend = 'Make one with: python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
    if any(key.lower() in INSECURE_SECRETS for key in settings.secret_keys):
        yield unsafe("secret key", "TRIAGE_SECRET_KEY is a word that everybody knows.", mend)
    elif any(len(key) < ENTROPY_MINIMUM for key in settings.secret_keys):
        yield unsafe("secret key", f"TRIAGE_SECRET_KEY is shorter than {ENTROPY_MINIMUM} characters.", mend)
    else:
        older = len(settings.secret_keys) - 1
        yield ok(
            "secret key",
            f"Long enough, with {older} older key(s) still accepted." if older else "Long enough.",
        )


def _to_database(settings: Settings) -> Iterator[Finding]:
    for setting, address in (
        ("DATABASE_URL", settings.database_url),
        ("TRIAGE_MIGRATION_DATABASE_URL", settings.migration_database_url),
    ):
        if address:
            yield _way_to_database(setting, make_url(address), is_private=settings.private_network)


def _way_to_database(setting: str, url: URL, *, is_private: bool) -> Finding:
    subject = "way to the database"
    mode = _first(url.query.get("sslmode"))
    if all(_is_near(host) for host in _hosts(url)):
        return ok(subject, f"{setting} stays on this computer.")
    if mode in VERIFIED:
        return ok(subject, f"{setting} is encrypted, and the server must show its certificate.")
    if mode == "require":
        return warn(
            subject,
            f"{setting} is encrypted, but any server could answer.",
            "Add sslmode=verify-full and sslrootcert to it.",
        )
    if is_private:
        return ok(subject, f"{setting} is not encrypted, on a network that was declared private.")
    return unsafe(
        subject,
        f"{setting} leaves this computer without encryption.",
        "Add sslmode=verify-full to it, or set TRIAGE_PRIVATE_NETWORK=1 where nobody else can join that network.",
    )


def _to_redis(settings: Settings) -> Iterator[Finding]:
    subject = "way to Redis"
    parts = urlsplit(settings.redis_url)
    is_checked = parse_qs(parts.query).get("ssl_cert_reqs", ["required"]) == ["required"]
    if parts.scheme == "rediss" and is_checked:
        yield ok(subject, "REDIS_URL is encrypted, and the server must show its certificate.")
    elif parts.scheme == "rediss":
        yield warn(
            subject, "REDIS_URL is encrypted, but any server could answer.", "Remove ssl_cert_reqs from it."
        )
    elif parts.scheme == "unix" or _is_near(parts.hostname or "localhost"):
        yield ok(subject, "REDIS_URL stays on this computer.")
    elif settings.private_network:
        yield ok(subject, "REDIS_URL is not encrypted, on a network that was declared private.")
    else:
        yield unsafe(
            subject,
            "REDIS_URL leaves this computer without encryption.",
            "Use rediss://, or set TRIAGE_PRIVATE_NETWORK=1 where nobody else can join that network.",
        )


def _hosts(url: URL) -> list[str]:
    """Every host that the driver may try; none named means the local socket."""
    named = url.query.get("host", ())
    many = [named] if isinstance(named, str) else list(named)
    hosts = [host for part in [url.host or "", *many] for host in part.split(",") if host]
    # A host in the query may carry its port.
    return [host.rsplit(":", 1)[0] if host.count(":") == 1 else host for host in hosts]


def _first(value: str | tuple[str, ...] | None) -> str:
    return value if isinstance(value, str) else value[0] if value else ""


def _is_near(host: str) -> bool:
    if host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
