"""
Settings: ``countermand.toml`` overridden by ``COUNTERMAND_*`` (nested with ``__``), and references to secrets.

The file is ``--config``, else ``countermand.toml`` in the working folder, else in the platform's config folder.
A secret is never written in the file itself: it is named as ``{ env = … }``, ``{ file = … }`` or ``{ keyring = … }``.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from agent.errors import BadInput
from agent.model import Refund, ShopReason

FILE_NAME = "countermand.toml"
DEFAULT_NAME = "main"
"""The account or shop that is meant when none is named and there are several."""
IN_CLEAR = (
    'a secret is not written here; name where it is kept: { env = "NAME" }, { file = "PATH" } or { keyring = "NAME" }'
)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


def parse_duration(text: object) -> timedelta:
    """
    A length of time as people write it: ``500ms``, ``1.5s``, ``2m``, ``1h 30m``, ``5d``.

    :raises ValueError: it is not one.
    """
    if isinstance(text, timedelta):
        return text
    parts = _DURATION.findall(str(text))
    if not parts or _DURATION.sub("", str(text)).strip():
        raise ValueError(f"“{text}” is no length of time; write e.g. 500ms, 20s, 5m, 2h or 5d")
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def in_words(length: timedelta) -> str:
    """A length of time as people read it: ``10 min``, ``45 s``."""
    seconds = length.total_seconds()
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


_T = TypeVar("_T")
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretRef(_Table):
    """Where a secret is kept. Exactly one of the three is given."""

    env: str | None = None
    file: Path | None = None
    keyring: str | None = None

    def resolve(self, what: str, base: Path) -> SecretStr:
        """
        The secret itself.

        :param what: whose it is, for the message, e.g. ``the password of account main``.
        :param base: the folder that a relative file name starts from.
        :raises BadInput: it is not there.
        """
        if self.env is not None:
            if value := os.environ.get(self.env):
                return SecretStr(value)
            raise BadInput(
                f"{what} comes from the environment variable {self.env}, which is not set",
                next=f"Set {self.env} and give the command again.",
            )
        if self.file is not None:
            path = base / self.file.expanduser()
            try:
                value = path.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise BadInput(
                    f"{what} comes from the file {path}, which cannot be read ({type(error).__name__})",
                    next="Put the secret into that file, or correct its name in the settings.",
                ) from None
            if value:
                return SecretStr(value)
            raise BadInput(f"{what} comes from the file {path}, which is empty", next="Put the secret into that file.")
        import keyring  # imported here: it searches for back ends, which costs tens of milliseconds
        from keyring.errors import KeyringError

        try:
            stored = keyring.get_password("countermand", self.keyring or "")
        except KeyringError as error:
            raise BadInput(
                f"{what} comes from the OS keyring, which cannot be used ({error})",
                next="Unlock the keyring, or name an environment variable or a file instead.",
            ) from None
        if stored:
            return SecretStr(stored)
        raise BadInput(
            f"{what} comes from the OS keyring entry countermand/{self.keyring}, which is empty",
            next=f"Run: keyring set countermand {self.keyring}",
        )


def _secret_ref(value: object) -> object:
    if isinstance(value, str):
        raise ValueError(IN_CLEAR)
    if isinstance(value, Mapping) and len(value) != 1:
        raise ValueError("name exactly one of env, file, keyring")
    return value


Secret = Annotated[SecretRef, BeforeValidator(_secret_ref)]


class Pace(_Table):
    """How slowly we go, so that the portal sees an ordinary customer."""

    between_visits: Duration = timedelta(seconds=20)
    between_pages: Duration = timedelta(seconds=1.5)


class Looks(_Table):
    """How often a requested order is looked at: after ``first``, then twice as long each time up to ``longest``."""

    first: Duration = timedelta(minutes=2)
    longest: Duration = timedelta(hours=1)
    limit: Duration = timedelta(days=5)
    """A supplier that is silent for longer is for a person; the order is looked at all the same."""


class Services(Looks):
    """
    How often a shop order is looked at whose fulfillment service was asked to let go of it: after ``first``, then each time after as long
    as was waited until then, up to ``longest``.
    """

    first: Duration = timedelta(minutes=1)
    limit: Duration = timedelta(days=5)
    """A service that is silent for longer is for a person."""


class Patience(_Table):
    """How long the walk waits for a page, for what an action leads to, and for a person before the browser's window."""

    page: Duration = timedelta(seconds=30)
    action: Duration = timedelta(seconds=10)
    person: Duration = timedelta(minutes=10)
    """To pass a check that the portal shows, or to sign in by hand."""


class Above(_Table):
    """A yes is asked for orders that cost more, or are in another currency."""

    above: Decimal = Field(ge=0, allow_inf_nan=False)
    currency: str = Field(pattern=r"^[A-Z]{3}$")


ApprovalPolicy = Literal["always", "never"] | Above


def _number_or_none(value: object) -> object:
    return None if value == "none" else value


class Hours(NamedTuple):
    """Working hours; they may go over midnight."""

    begin: time
    end: time

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"


_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")


def _parse_hours(value: object) -> object:
    if value is None or value == "none" or isinstance(value, Hours):
        return None if value == "none" else value
    found = _HOURS.fullmatch(str(value).strip())
    if found is None or found[1] + found[2] == found[3] + found[4]:
        raise ValueError(f'“{value}” are no working hours; write e.g. "09:00-18:00", or "none"')
    begin, begin_minute, end, end_minute = (int(part) for part in found.groups())
    return Hours(time(begin, begin_minute), time(end, end_minute))


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"“{name}” is no time zone; write e.g. Europe/Berlin or UTC") from None
    return name


Most = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_number_or_none)]


class Limits(_Table):
    """How many cancellations an account submits, and when. ``"none"``: no limit."""

    per_hour: Most = 20
    per_day: Most = 100
    hours: Annotated[Hours | None, BeforeValidator(_parse_hours)] = None
    """Nothing is submitted outside; looks are read at any hour."""
    time_zone: Annotated[str, AfterValidator(_check_zone)] = "UTC"
    """Of the hours."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.time_zone)


class PortalSettings(_Table):
    """A supplier's portal. Everything is optional."""

    hosts: dict[str, str | list[str]] = Field(default_factory=dict)
    """Addresses by role (``www``, ``m``, ``login``); default: the edition's."""
    edition: str | None = None
    pace: Pace = Pace()
    limits: Limits = Limits()
    """Of each of its accounts, unless the account has its own."""
    looks: Looks = Looks()
    patience: Patience = Patience()
    resubmit: Literal["ask", "when_clear"] = "ask"
    sign_in_again: Duration = timedelta(hours=1)
    """How long after the stored password was typed it is not typed again by ourselves, however soon the session ends."""
    quiet: Duration = timedelta(seconds=120)
    """How long a click may still land after a crash; nothing is looked at or clicked before it is over (design 4.3)."""


class AccountSettings(_Table):
    """A named sign-in at a portal."""

    portal: str
    username: str | None = None
    password: Secret | None = None
    limits: Limits | None = None
    """Default: the portal's."""


class ShopPolicy(_Table):
    """Answers that a request may leave out. What neither gives is asked for."""

    refund: Refund | None = None
    reason: ShopReason | None = None
    restock: bool | None = None
    notify: bool | None = None
    unknown_siblings: Literal["ask", "trust"] = "ask"
    tag: str | None = Field(default=None, pattern=r"^[^,\s]([^,\r\n]{0,38}[^,\s])?$")
    """Added to a shop order that we have cancelled."""
    metafield: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{3,255}\.[A-Za-z0-9_-]{2,64}$")
    """The field of a shop order that we have cancelled which says so in words: ``<namespace>.<key>``."""


class LinksFile(_Table):
    """A file that says which supplier orders belong to which shop orders: shop_order, supplier_order, account."""

    file: Path


class ShopSettings(BaseModel):
    """A shop. What is not named here belongs to the storefront of its ``kind``, which checks it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    kind: str
    policy: ShopPolicy = ShopPolicy()
    services: Services = Services()
    links: LinksFile | None = None

    def own(self, name: str, base: Path) -> dict[str, Any]:
        """
        The storefront's own part, with every reference to a secret resolved.

        :raises BadInput: a secret is not there.
        """
        return {key: self._resolved(name, key, value, base) for key, value in (self.model_extra or {}).items()}

    @staticmethod
    def _resolved(name: str, key: str, value: object, base: Path) -> object:
        if isinstance(value, Mapping) and len(value) == 1 and set(value) <= set(SecretRef.model_fields):
            return SecretRef.model_validate(value).resolve(f"the {key} of shop {name}", base)
        return value


_SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|TB)", re.IGNORECASE)


def _size_or_none(value: object) -> object:
    if value is None or value == "none" or (isinstance(value, int) and not isinstance(value, bool)):
        return None if value == "none" else value
    found = _SIZE.fullmatch(str(value).strip())
    if found is None:
        raise ValueError(f'“{value}” is no size; write e.g. "500MB" or "2GB", or "none"')
    unit = next(name for name in _SIZES if name.lower() == found[2].lower())
    return int(float(found[1]) * _SIZES[unit])


def _duration_or_none(value: object) -> object:
    return None if value is None or value == "none" else parse_duration(value)


class EvidenceSettings(_Table):
    """What a visit leaves for people, and for how long. ``"none"``: no limit."""

    pictures: Literal["steps", "failure", "off"] = "steps"
    trace: Literal["never", "on-failure", "always"] = "on-failure"
    """Playwright's trace of what was done, scrubbed; never of a sign-in."""
    recordings: Literal["always", "never"] = "always"
    """Whether a visit can be walked again: its pages, with everything personal replaced."""
    keep: Annotated[timedelta | None, BeforeValidator(_duration_or_none)] = timedelta(days=90)
    """How long the evidence of a visit is kept. That of a cancellation that is not over is always kept."""
    keep_size: Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(_size_or_none)] = 2 * 10**9
    """How many bytes the evidence of all visits may take; above, the oldest goes first."""


NotifyOn = Literal["needs_person", "refused", "done", "account_paused", "portal_changed"]


class NotifySettings(_Table):
    """Who is told, and of what."""

    to: list[Secret] = Field(default_factory=list)
    """Apprise's addresses (mail, chat, push); each is a secret, for it holds the service's token or password."""
    on: list[NotifyOn] = Field(default_factory=lambda: list(get_args(NotifyOn)))


class VaultSettings(_Table):
    """Where the key of sealed sign-ins is kept; default: ``COUNTERMAND_KEY`` if set, else a file of ours."""

    key: Secret | None = None


class BrowserSettings(_Table):
    """Which browser, and how it looks to the portal."""

    path: Path | None = None
    locale: str = "en-US"
    timezone: str | None = None
    width: int = Field(default=1280, ge=800, le=3840)
    height: int = Field(default=900, ge=600, le=2160)
    leave_out: frozenset[Literal["images", "fonts", "analytics"]] = frozenset()
    """What pages are shown without, to load faster. Nothing unless asked for: a portal may take a visitor without it for a robot, pictures
    show less, and what an edition finds by an image is not there."""


class Settings(BaseSettings):
    """Everything a person can set."""

    model_config = SettingsConfigDict(env_prefix="COUNTERMAND_", env_nested_delimiter="__", extra="forbid", frozen=True)

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("countermand", appauthor=False)))
    database: Secret | None = None
    """The address of a PostgreSQL server for the ledger; without it the ledger is a file under ``home``."""
    approval: ApprovalPolicy = "never"
    """Which orders wait for ``countermand approve`` before they are submitted."""
    portals: dict[str, PortalSettings] = Field(default_factory=dict)
    accounts: dict[str, AccountSettings] = Field(default_factory=dict)
    shops: dict[str, ShopSettings] = Field(default_factory=dict)
    evidence: EvidenceSettings = EvidenceSettings()
    browser: BrowserSettings = BrowserSettings()
    vault: VaultSettings = VaultSettings()
    notify: NotifySettings = NotifySettings()

    file: Path | None = Field(default=None, exclude=True)
    """The file these were read from; ``None`` when there was none."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which arrives as init arguments."""
        return env_settings, init_settings

    @property
    def base(self) -> Path:
        """The folder that relative names in the file start from."""
        return self.file.parent if self.file else Path.cwd()

    def ledger_address(self) -> str | None:
        """
        Where the ledger is, if not in a file under ``home``.

        :raises BadInput: the secret that holds the address is not there.
        """
        if self.database is None:
            return None
        address = self.database.resolve("the address of the ledger's server", self.base)
        return address.get_secret_value()

    def portal(self, name: str) -> PortalSettings:
        """The settings of portal *name*; the defaults where the file says nothing."""
        return self.portals.get(name, PortalSettings())

    def account(self, name: str | None) -> tuple[str, AccountSettings]:
        """
        The account called *name*; without a name the only one there is, or ``main``.

        :raises BadInput: unknown, or left out where there are several.
        """
        return _pick("account", "accounts", name, self.accounts)

    def limits(self, portal: str, account: str) -> Limits:
        """How much an account submits; also one that the settings no longer name."""
        own = self.accounts.get(account)
        return own.limits if own is not None and own.limits is not None else self.portal(portal).limits

    def shop(self, name: str | None) -> tuple[str, ShopSettings]:
        """
        The shop called *name*; without a name the only one there is, or ``main``.

        :raises BadInput: unknown, or left out where there are several.
        """
        return _pick("shop", "shops", name, self.shops)


def _pick(word: str, table: str, name: str | None, known: Mapping[str, _T]) -> tuple[str, _T]:
    names = ", ".join(sorted(known)) or "none"
    if name is None:
        only = DEFAULT_NAME if DEFAULT_NAME in known else next(iter(known), "") if len(known) == 1 else ""
        if only:
            return only, known[only]
        raise BadInput(
            f"which {word}? The settings name {names}",
            next=f"Add --{word} NAME." if known else f"Add a [{table}.NAME] table to {FILE_NAME}.",
        )
    if name in known:
        return name, known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = (
        f"Did you mean {near[0]}?" if near else f"Add a [{table}.{name}] table to {FILE_NAME}, or use one of: {names}."
    )
    raise BadInput(f"there is no {word} called {name} in the settings (there: {names})", next=hint)


def find_file() -> Path | None:
    """The settings file when none is named: in the working folder, else in the platform's config folder."""
    candidates = (
        Path.cwd() / FILE_NAME,
        Path(platformdirs.user_config_dir("countermand", appauthor=False)) / FILE_NAME,
    )
    return next((path for path in candidates if path.is_file()), None)


def load_settings(file: Path | None = None) -> Settings:
    """
    Read the settings.

    :param file: the file named with ``--config``; ``None`` looks in the usual places.
    :raises BadInput: it is not there, is no TOML, or says something that cannot be; all errors at once.
    """
    path = file or find_file()
    table: dict[str, Any] = {}
    if path is not None:
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BadInput(f"there is no settings file {path}", next="Correct the name given with --config.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(
                f"the settings file {path} cannot be read ({type(error).__name__})",
                next="Check the file's name, mode and encoding (UTF-8).",
            ) from None
        except tomllib.TOMLDecodeError as error:
            raise BadInput(
                f"the settings file {path} is no valid TOML: {error}", next="Correct that place in the file."
            ) from None
        path = path.resolve()
        if "file" in table:
            raise BadInput(f"the settings file {path} has a key that cannot be used: file", next="Remove it.")
    try:
        settings = Settings(**table, file=path)
    except ValidationError as error:
        raise BadInput(
            f"the settings{f' in {path}' if path else ''} cannot be used: {explain(error)}",
            next="Correct them and give the command again.",
        ) from None
    except (ValueError, TypeError) as error:
        raise BadInput(
            f"a COUNTERMAND_ environment variable cannot be used: {error}", next="Correct or unset it."
        ) from None
    for name, account in settings.accounts.items():
        if account.password is not None and account.username is None:
            raise BadInput(
                f"account {name} has a password and no username",
                next=f"Add username to [accounts.{name}], or remove the password.",
            )
    # A relative home in the file starts from the file; one in the environment, from where the command is given.
    base = Path.cwd() if os.environ.get("COUNTERMAND_HOME") else settings.base
    return settings.model_copy(update={"home": (base / settings.home.expanduser()).resolve()})


def explain(error: ValidationError) -> str:
    """Every complaint of pydantic as "key: what is wrong", with the nearest valid name for an unknown key."""
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        what = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(problem["loc"][-1]), _ALL_KEYS, n=1)
            what = f"no such setting{f', did you mean {near[0]}?' if near else ''}"
        lines.append(f"{where}: {what}" if where else what)
    return "; ".join(lines)


_ALL_KEYS = sorted(
    {
        name
        for table in (
            Settings,
            PortalSettings,
            AccountSettings,
            ShopSettings,
            ShopPolicy,
            Pace,
            Looks,
            Patience,
            EvidenceSettings,
            BrowserSettings,
            VaultSettings,
            NotifySettings,
            Above,
            SecretRef,
        )
        for name in table.model_fields
    }
)
