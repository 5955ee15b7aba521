"""Several adapters by name over one base in memory: asked together, swapped and put away alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from distill.adapter import save
from distill.continuous import Ask, Engine
from distill.loading import load_model, quiet
from distill.student import Student, base_digest
from workbench.errors import InputError
from workbench.server.fleet import Fleet, Spec
from workbench.server.metrics import Metrics
from workbench.server.service import Service, Wanted
from workbench.stages.train import shipped_base

TURN = (("user", "Write def add(a: int, b: int) -> int. It returns a plus b."),)


def adapter(folder: Path, seed: int, **changed: Any) -> Path:
    """Make an adapter that says other things than its base, with a manifest."""
    from peft import LoraConfig, get_peft_model

    options = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj", "down_proj"],
               "task_type": "CAUSAL_LM", **changed}  # fmt: skip
    with quiet():
        adapted = get_peft_model(load_model(shipped_base(), "cpu"), LoraConfig(**options))
        torch.manual_seed(seed)
        for name, weight in adapted.named_parameters():
            if "lora_" in name and "magnitude" not in name:
                torch.nn.init.normal_(weight, 0.0, 0.06)
        save(adapted, folder, {"base_digest": base_digest(shipped_base())})
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("adapters")
    return {
        "one": adapter(home / "one", 1),
        "two": adapter(home / "two", 2),
        "dora": adapter(home / "dora", 3, use_dora=True),
    }


@pytest.fixture
def fleet(folders: dict[str, Path]) -> Iterator[Fleet]:
    made = Fleet(batch=8, queue=64, device="cpu")
    made.load(Spec("base", shipped_base()))
    for name in ("one", "two"):
        made.load(Spec(name, shipped_base(), folders[name]))
    yield made
    made.close()


def says(fleet: Fleet, *names: str) -> list[str]:
    service = Service(fleet, Metrics(fleet.all))

    async def ask() -> list[str]:
        jobs = [service.whole(Wanted(TURN, Ask(24), name)) for name in names]
        return [done.text for done in await asyncio.gather(*jobs)]

    return asyncio.run(ask())


def alone(folder: Path | None) -> str:
    student = Student.load(shipped_base(), folder)
    return student.generate([TURN], max_tokens=24)[0].text


def test_names_share_one_base_and_each_says_what_it_says_alone(
    fleet: Fleet, folders: dict[str, Path]
) -> None:
    engines = {id(served.engine) for served in fleet.all()}
    assert len(engines) == 1
    assert fleet.beside(fleet.get("one")) == ["base", "two"]
    wanted = {"base": alone(None), "one": alone(folders["one"]), "two": alone(folders["two"])}
    assert len(set(wanted.values())) == 3
    order = ["two", "base", "one", "two", "one", "base", "base", "two"]
    assert says(fleet, *order) == [wanted[name] for name in order]
    digests = {served.version.adapter_digest for served in fleet.all()}
    assert len(digests) == 3


def test_a_name_is_swapped_and_put_away_without_the_others(
    fleet: Fleet, folders: dict[str, Path]
) -> None:
    before = says(fleet, "base", "one", "two")
    version = fleet.load(Spec("one", shipped_base(), folders["two"]))
    assert version.number == 2
    assert says(fleet, "base", "one", "two") == [before[0], before[2], before[2]]
    fleet.load(Spec("base", shipped_base()))
    fleet.load(Spec("one", shipped_base()))
    assert says(fleet, "base", "one", "two") == [before[0], before[0], before[2]]
    for thread in fleet._retiring:
        thread.join(20)
    engine = fleet.get("two").engine
    assert isinstance(engine, Engine)
    assert engine._decoder is not None
    assert len(engine._decoder.slots) == 1, "adapters that nobody serves are forgotten"


def test_an_adapter_that_cannot_share_has_a_base_of_its_own(
    fleet: Fleet, folders: dict[str, Path]
) -> None:
    fleet.load(Spec("dora", shipped_base(), folders["dora"]))
    assert fleet.get("dora").engine is not fleet.get("base").engine
    assert says(fleet, "dora", "base") == [alone(folders["dora"]), alone(None)]


def test_a_base_that_nobody_serves_any_more_is_let_go(folders: dict[str, Path]) -> None:
    fleet = Fleet(batch=2, queue=2, device="cpu")
    try:
        fleet.load(Spec("only", shipped_base(), folders["dora"]))
        first = fleet.get("only").engine
        fleet.load(Spec("only", shipped_base(), folders["one"]))
        for thread in fleet._retiring:
            thread.join(20)
        assert not first.alive
        assert fleet.get("only").engine.alive
    finally:
        fleet.close()


def test_an_adapter_that_fails_leaves_the_shared_base_to_the_others(
    fleet: Fleet, tmp_path: Path
) -> None:
    before = says(fleet, "base")
    with pytest.raises(InputError, match="no adapter folder"):
        fleet.load(Spec("bad", shipped_base(), tmp_path / "nothing"))
    assert fleet.names == ["base", "one", "two"]
    assert says(fleet, "base") == before


def test_swaps_under_load_break_nothing_and_every_answer_is_of_one_version(
    fleet: Fleet, folders: dict[str, Path]
) -> None:
    service = Service(fleet, Metrics(fleet.all))
    wanted = {alone(folders["one"]), alone(folders["two"])}

    async def ask(number: int) -> str:
        await asyncio.sleep(0.02 * number)
        return (await service.whole(Wanted(TURN, Ask(24), "one"))).text

    async def all_of_it() -> list[str]:
        asking = [asyncio.create_task(ask(number)) for number in range(50)]
        for name in ("two", "one", "two"):
            await asyncio.sleep(0.15)
            await asyncio.to_thread(fleet.load, Spec("one", shipped_base(), folders[name]))
        return list(await asyncio.gather(*asking))

    said = asyncio.run(all_of_it())
    assert set(said) <= wanted
    assert len(said) == 50
    assert says(fleet, "one") == [alone(folders["two"])]
    assert fleet.get("one").version.number == 4
