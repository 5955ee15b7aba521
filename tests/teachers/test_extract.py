"""Code comes out of replies as people and models write them, or a reason does."""

from __future__ import annotations

import ast

import pytest

from teachers import extract_code

PLAIN = "def f(x):\n    return x + 1\n"
FENCED = f"Sure!\n\n```python\n{PLAIN}```\n\nThis adds one."


def value(code: str | None, *args: object) -> object:
    """Run ``f`` of code that this file itself wrote."""
    assert code is not None
    space: dict[str, object] = {}
    exec(compile(ast.parse(code), "reply", "exec"), space)
    function = space["f"]
    assert callable(function)
    return function(*args)


@pytest.mark.parametrize(
    "reply",
    [
        PLAIN,
        FENCED,
        f"```\n{PLAIN}```",
        f"```py\n{PLAIN}",
        f"~~~python\n{PLAIN}~~~",
        "  ```python\n  def f(x):\n      return x + 1\n  ```",
        f"Here it is:\n\n{PLAIN}\nHope that helps, ask me if not!",
        f"<think>def f(x): wrong</think>\n```python\n{PLAIN}```",
        f"```python\n{PLAIN}\nif __name__ == '__main__':\n    print(f(input()))\n```",
        f"```python\n{PLAIN}\nassert f(1) == 2\nprint(f(2))\n```",
        "```python\n>>> def f(x):\n...     return x + 1\n```",
        f"```bash\npip install f\n```\n```python\n{PLAIN}```",
        "```python\nclass Solution:\n    def f(self, x):\n        return x + 1\n```",
        "```python\nclass S:\n    @staticmethod\n    def f(x):\n        return x + 1\n```",
        "```python\nimport math\n\nK = 1\n\ndef f(x):\n    return x + K\n```",
        "```\ndef g(x):\n    return x\n```\nand\n```\ndef f(x):\n    return g(x) + 1\n```",
        f"```python\n{PLAIN}\ndef unfinished(a, b",
        f"{PLAIN}<|im_end|>",
        f"{PLAIN[:-1]} <step>",
        "\npython: def f(x): return x + 1",
        "Python def f(x): return x + 1\n",
        f"```python\n{PLAIN}```\n**Usage:**\n```python\na = 12\nf = f(a)\n```",
        "```python\nfrom functools import partial\n\ndef g(k, x):\n    return x + k\n\n"
        "f = partial(g, 1)\n```",
        "```python\nf = lambda x: x + 1\n```",
        PLAIN.replace("\n", "\r\n"),
    ],
)
def test_code_is_found_and_works(reply: str) -> None:
    extraction = extract_code(reply, "f")
    assert value(extraction.code, 1) == 2
    assert extraction.reason == ""


def test_the_last_of_several_versions_wins() -> None:
    reply = "```python\ndef f(x):\n    return x\n```\nNo, better:\n```python\n" + PLAIN + "```"
    assert value(extract_code(reply, "f").code, 1) == 2


def test_a_recursive_method_is_freed_of_its_class() -> None:
    reply = "class A:\n    def f(self, n):\n        return 1 if n < 2 else n * self.f(n - 1)\n"
    assert value(extract_code(reply, "f").code, 4) == 24


def test_a_method_that_needs_its_object_is_not_taken_out() -> None:
    reply = "class A:\n    def f(self, n):\n        return self.k + n\n"
    assert extract_code(reply, "f").code is None


@pytest.mark.parametrize("body", ["    return x + 1", "return x + 1\n", "y = x\n    return y + 1"])
def test_a_bare_body_continues_the_signature(body: str) -> None:
    assert value(extract_code(body, "f", "def f(x: int) -> int").code, 1) == 2


def test_calls_beside_the_definition_are_dropped() -> None:
    code = extract_code(f"{PLAIN}\nprint(f(3))\nx = input()\n", "f").code
    assert code is not None
    assert "print" not in code
    assert "input" not in code


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        ("", "empty"),
        ("I am sorry, I cannot do that.", "no code"),
        ("```python\ndef g(x):\n    return x\n```", "but not f"),
        ("```python\ndef f(x:\n    return\n```", "does not parse"),
        ("```python\nx = (1,\n", "cut off"),
        ("def f(x):\nreturn x", "does not parse"),
    ],
)
def test_what_is_no_code_comes_back_with_the_reason(reply: str, part: str) -> None:
    extraction = extract_code(reply, "f")
    assert extraction.code is None
    assert part in extraction.reason


def test_long_replies_are_read_in_reasonable_time() -> None:
    reply = "def f(x):\n" + "    y = (\n" * 400
    assert extract_code(reply, "f").code is None


def test_a_table_or_a_result_is_no_function() -> None:
    for reply in ("```python\nf = {'a': 1}\n```", "```python\nf = f(12, 15)\n```"):
        found = extract_code(reply, "f")
        assert found.code is None
        assert found.reason == "the code in the reply does not define f"
