"""Settings: where the home is, which database, how much work and money a run may spend.

``PartialSettings`` is what each layer may say (everything optional); ``Settings`` is what a run
gets (everything decided). Layers, later ones win: built-in defaults, ``config.toml`` in the home,
``WORKBENCH_*`` environment variables, arguments of the call. Not here: keys of providers (they stay
in the environment, read by the teacher that needs them) and signing keys (see the certificate).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workbench.errors import HomeError, SettingsError

if TYPE_CHECKING:
    from judge.contract import Budget

__all__ = ["PartialSettings", "RequestLimits", "Settings", "default_home", "load_settings"]

_ENV_PREFIX = "WORKBENCH_"
# Read by others under the same prefix: they are no settings of a run.
_FOREIGN_ENV = frozenset({"HOME", "CONFIG", "BENCH"})


class RequestLimits(BaseModel):
    """How fast one provider may be asked; what is not said is not limited by us.

    In an environment variable a provider's limits are ``REQUESTS/TOKENS`` a minute.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    concurrency: int | None = Field(default=None, ge=1, le=1000)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        requests, _, tokens = given.partition("/")
        parts = {"requests_per_minute": requests, "tokens_per_minute": tokens}
        return {name: part.strip() for name, part in parts.items() if part.strip()}


class PartialSettings(BaseModel):
    """What one layer says; ``None`` means that it says nothing about that field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database: str | None = Field(default=None, description="SQLAlchemy URL of the database")
    jobs: int | None = Field(default=None, ge=1, le=256, description="judge processes")
    cluster: str | None = Field(
        default=None, description='where to judge and answer: "local" or a Ray address'
    )
    base: str | None = Field(default=None, description="the student: a hub id or a folder")
    concurrency: int | None = Field(
        default=None, ge=1, le=1000, description="teacher requests in flight"
    )
    max_cost: Decimal | None = Field(default=None, ge=0, description="US dollars a run may spend")
    max_cost_day: Decimal | None = Field(
        default=None, ge=0, description="US dollars a day may cost, over all runs"
    )
    max_cost_provider: dict[str, Decimal] | None = Field(
        default=None, description="US dollars a run may spend, by provider"
    )
    price_file: Path | None = Field(
        default=None, description="your own prices; else prices.json in the home"
    )
    limits: dict[str, RequestLimits] | None = Field(
        default=None, description="how fast a provider may be asked, by provider"
    )
    deadline_seconds: float | None = Field(
        default=None, gt=0, description="seconds one request to a teacher may take"
    )
    attempts: int | None = Field(
        default=None, ge=1, le=20, description="attempts at one request, the first included"
    )
    outage_seconds: float | None = Field(
        default=None, ge=0, description="how long to wait for a provider that stopped answering"
    )
    routes: dict[str, tuple[str, ...]] | None = Field(
        default=None, description="whom to ask first about which category, in order"
    )
    max_fallback_rate: float | None = Field(
        default=None, ge=0, le=1, description="share of questions passed on that raises an alert"
    )
    min_quality: float | None = Field(
        default=None, ge=0, le=1, description="share of proved answers below which to alert"
    )
    webhook: str | None = Field(
        default=None, pattern=r"^https?://\S+$", description="where to say that a dataset is ready"
    )
    private: bool | None = Field(default=None, description="refuse teachers that leave the machine")
    allow_training: tuple[str, ...] | None = Field(
        default=None, description="sources whose terms you read and allow training on"
    )
    rlimit: int | None = Field(default=None, ge=1000, description="solver resources a candidate")
    cases: int | None = Field(default=None, ge=0, description="inputs tried on a candidate")
    seed: int | None = Field(default=None, ge=0, description="seed of the judge's search")
    memory_mb: int | None = Field(default=None, ge=64, description="memory of a judge process")
    fuse_seconds: float | None = Field(default=None, gt=0, description="wall-clock fuse")
    recheck: bool | None = Field(default=None, description="ask a second solver")


class Settings(BaseModel):
    """Everything decided: what a run works with. Frozen; recorded in a round as it was."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path
    database: str
    jobs: int = 2
    cluster: str | None = None
    """None works in processes of this machine; else a Ray cluster judges, lets the student answer
    and asks formal teachers, with ``jobs`` workers."""
    base: str | None = None
    """None means the small model that the project ships."""
    concurrency: int = 8
    max_cost: Decimal = Decimal("0")
    """US dollars. 0 lets only teachers answer that cost nothing."""
    max_cost_day: Decimal | None = None
    """US dollars of a calendar day (UTC) over all runs of this home; None means no such cap."""
    max_cost_provider: dict[str, Decimal] = Field(default_factory=dict)
    price_file: Path | None = None
    limits: dict[str, RequestLimits] = Field(default_factory=dict)
    deadline_seconds: float = 600.0
    attempts: int = 5
    outage_seconds: float = 1800.0
    routes: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Category -> teachers in order; a category that is not named goes to those of the command."""
    max_fallback_rate: float = 0.2
    min_quality: float = 0.5
    webhook: str | None = None
    """A URL that takes ``{"text": ...}`` by POST; None tells nobody but the store."""
    private: bool = False
    allow_training: tuple[str, ...] = ()
    rlimit: int = 20_000_000
    cases: int = 2_000
    seed: int = 0
    memory_mb: int = 2_048
    fuse_seconds: float = 60.0
    recheck: bool = True

    @property
    def blobs(self) -> Path:
        """The folder of content-addressed files."""
        return self.home / "blobs"

    @property
    def rounds(self) -> Path:
        """The folder with one folder a round: checkpoints and adapters."""
        return self.home / "rounds"

    @property
    def certificates(self) -> Path:
        """The folder with one folder a certificate."""
        return self.home / "certificates"

    @property
    def config_file(self) -> Path:
        """The settings file that a person may edit."""
        return self.home / "config.toml"

    def budget(self) -> Budget:
        """Return what the judge may spend on one candidate."""
        from judge.contract import Budget

        return Budget(
            rlimit=self.rlimit,
            cases=self.cases,
            seed=self.seed,
            memory_mb=self.memory_mb,
            fuse_seconds=self.fuse_seconds,
            recheck=self.recheck,
        )


def default_home(env: Mapping[str, str] | None = None) -> Path:
    """Return ``WORKBENCH_HOME``, else the user's data folder (``~/.local/share/workbench``)."""
    env = os.environ if env is None else env
    given = env.get("WORKBENCH_HOME", "").strip()
    if given:
        return Path(given).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("workbench")


def load_settings(
    home: Path | str | None = None,
    *,
    env: Mapping[str, str] | None = None,
    overrides: PartialSettings | None = None,
) -> Settings:
    """Collect the layers and return total settings; raise ``SettingsError`` naming the bad field.

    Nothing is created on disk: the home is made when a store is opened in it.
    """
    env = os.environ if env is None else env
    place = Path(home).expanduser().absolute() if home is not None else default_home(env)
    layers = [_from_file(place / "config.toml"), _from_env(env), overrides or PartialSettings()]
    merged: dict[str, Any] = {"home": place, "database": _sqlite_url(place)}
    for layer in layers:
        merged.update(layer.model_dump(exclude_none=True))
    return Settings(**merged)


def _sqlite_url(home: Path) -> str:
    return f"sqlite:///{home / 'workbench.db'}"


def _from_file(path: Path) -> PartialSettings:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return PartialSettings()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text.", "Save it again as UTF-8.") from error
    except OSError as error:
        raise HomeError(
            f"{path} cannot be read: {error.strerror}.", "Give yourself read access to it."
        ) from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.", "Mend that line.") from error
    return _partial(table, str(path))


def _from_env(env: Mapping[str, str]) -> PartialSettings:
    known = PartialSettings.model_fields
    table: dict[str, Any] = {}
    for name, value in env.items():
        if not name.startswith(_ENV_PREFIX) or name[len(_ENV_PREFIX) :] in _FOREIGN_ENV:
            continue
        field = name[len(_ENV_PREFIX) :].lower()
        # A variable of another program may share the prefix: only known fields are ours.
        if field in known and value.strip():
            table[field] = _env_value(field, value.strip())
    return _partial(table, "the environment (WORKBENCH_*)")


def _env_value(field: str, value: str) -> Any:
    """Return the value of a variable: a list is ``a,b``, a table is ``a=1,b=2``."""
    parts = [part.strip() for part in value.split(",")]
    if field == "allow_training":
        return parts
    if field in ("max_cost_provider", "limits"):
        halves = [part.partition("=") for part in parts]
        return {name.strip(): said.strip() for name, _, said in halves}
    return value


def _partial(table: Mapping[str, Any], where: str) -> PartialSettings:
    try:
        return PartialSettings.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "value"
        if first["type"] == "extra_forbidden":
            known = ", ".join(PartialSettings.model_fields)
            raise SettingsError(
                f"{where} has an unknown setting {field!r}.", f"Known settings: {known}."
            ) from error
        raise SettingsError(
            f"{where}: {field} = {first['input']!r} is not usable: {first['msg']}.",
            "Correct it or remove it.",
        ) from error
