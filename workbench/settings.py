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

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import HomeError, SettingsError

if TYPE_CHECKING:
    from judge.contract import Budget

__all__ = ["PartialSettings", "Settings", "default_home", "load_settings"]

_ENV_PREFIX = "WORKBENCH_"
# Read by others under the same prefix: they are no settings of a run.
_FOREIGN_ENV = frozenset({"HOME", "CONFIG", "BENCH"})


class PartialSettings(BaseModel):
    """What one layer says; ``None`` means that it says nothing about that field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database: str | None = Field(default=None, description="SQLAlchemy URL of the database")
    jobs: int | None = Field(default=None, ge=1, le=256, description="judge processes")
    base: str | None = Field(default=None, description="the student: a hub id or a folder")
    concurrency: int | None = Field(
        default=None, ge=1, le=1000, description="teacher requests in flight"
    )
    max_cost: Decimal | None = Field(default=None, ge=0, description="US dollars a run may spend")
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
    base: str | None = None
    """None means the small model that the project ships."""
    concurrency: int = 8
    max_cost: Decimal = Decimal("0")
    """US dollars. 0 lets only teachers answer that cost nothing."""
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
            is_list = field == "allow_training"
            table[field] = [v.strip() for v in value.split(",")] if is_list else value.strip()
    return _partial(table, "the environment (WORKBENCH_*)")


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
