"""Settings: layers in their order, and a sentence for everything that cannot be."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from workbench.errors import SettingsError
from workbench.settings import PartialSettings, default_home, load_settings


def test_later_layers_win_over_earlier_ones(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("jobs = 3\nrlimit = 5000\ncases = 7\n", "utf-8")
    env = {"WORKBENCH_JOBS": "4", "WORKBENCH_RLIMIT": "6000"}
    found = load_settings(tmp_path, env=env, overrides=PartialSettings(jobs=5))
    assert (found.jobs, found.rlimit, found.cases) == (5, 6000, 7)


def test_the_home_comes_from_the_environment_or_the_users_data_folder(tmp_path: Path) -> None:
    assert default_home({"WORKBENCH_HOME": str(tmp_path)}) == tmp_path
    assert default_home({}).name == "workbench"


def test_the_database_is_a_file_in_the_home_unless_told_otherwise(tmp_path: Path) -> None:
    assert load_settings(tmp_path, env={}).database == f"sqlite:///{tmp_path / 'workbench.db'}"
    env = {"WORKBENCH_DATABASE": "postgresql://me@host/name"}
    assert load_settings(tmp_path, env=env).database == "postgresql://me@host/name"


def test_money_is_exact_and_zero_unless_allowed(tmp_path: Path) -> None:
    assert load_settings(tmp_path, env={}).max_cost == 0
    env = {"WORKBENCH_MAX_COST": "0.10"}
    assert load_settings(tmp_path, env=env).max_cost == Decimal("0.10")


def test_sources_allowed_for_training_are_a_list_with_commas(tmp_path: Path) -> None:
    env = {"WORKBENCH_ALLOW_TRAINING": "openai:x, ollama:y"}
    assert load_settings(tmp_path, env=env).allow_training == ("openai:x", "ollama:y")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jbos = 3\n", "unknown setting 'jbos'"),
        ("jobs = 0\n", "jobs = 0 is not usable"),
        ("jobs = 'many'\n", "jobs = 'many' is not usable"),
        ("jobs = \n", "is not valid TOML"),
    ],
)
def test_a_bad_settings_file_is_a_sentence_with_the_field(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "config.toml").write_text(text, "utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, env={})
    assert said in caught.value.message
    assert "config.toml" in caught.value.message
    assert caught.value.mend


def test_a_settings_file_that_is_not_text_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings(tmp_path, env={})


def test_a_bad_environment_variable_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="environment"):
        load_settings(tmp_path, env={"WORKBENCH_JOBS": "-1"})


def test_a_variable_of_somebody_else_with_the_same_prefix_is_left_alone(tmp_path: Path) -> None:
    assert load_settings(tmp_path, env={"WORKBENCH_OF_MY_CARPENTER": "1"}).jobs == 2


def test_loading_settings_creates_nothing(tmp_path: Path) -> None:
    load_settings(tmp_path / "new", env={})
    assert not (tmp_path / "new").exists()


def test_limits_and_caps_by_provider_are_tables_also_in_the_environment(tmp_path: Path) -> None:
    env = {
        "WORKBENCH_LIMITS": "openai=60/100000, groq=30",
        "WORKBENCH_MAX_COST_PROVIDER": "openai=2.50",
    }
    settings = load_settings(tmp_path, env=env)
    assert settings.limits["openai"].tokens_per_minute == 100_000
    assert settings.limits["groq"].requests_per_minute == 30
    assert settings.max_cost_provider == {"openai": Decimal("2.50")}
    (tmp_path / "config.toml").write_text(
        "[limits.openai]\nconcurrency = 5\n[routes]\ncode = ['examples']\n"
    )
    from_file = load_settings(tmp_path, env={})
    assert from_file.limits["openai"].concurrency == 5
    assert from_file.routes == {"code": ("examples",)}


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"WORKBENCH_LIMITS": "openai=fast"}, "limits.openai.requests_per_minute"),
        ({"WORKBENCH_LIMITS": "openai=-1"}, "limits.openai.requests_per_minute"),
        ({"WORKBENCH_MAX_COST_PROVIDER": "openai"}, "max_cost_provider.openai"),
        ({"WORKBENCH_MAX_FALLBACK_RATE": "2"}, "max_fallback_rate"),
    ],
)
def test_a_slip_in_a_table_names_its_place(tmp_path: Path, env: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(tmp_path, env=env)
