"""Terms as the Python a person would write: early returns, plain comparisons, no temporaries.

Only parentheses that are needed are printed. A chain of choices becomes ``if``/``return`` lines; a
subexpression that is written twice and is not small gets a name.
"""

from __future__ import annotations

from collections import Counter

from teachers.formal.term import COMPARISONS, Term, negate, size, var, variables

_TIGHTNESS: dict[str, float] = {
    "if": 0,
    "or": 1,
    "and": 2,
    "not": 3,
    "|": 4.2,
    "^": 4.4,
    "&": 4.6,
    "<<": 4.8,
    ">>": 4.8,
    "~": 7,
    "+": 5,
    "-": 5,
    "*": 6,
    "//": 6,
    "%": 6,
    "neg": 7,
    **dict.fromkeys(COMPARISONS, 4),
}
_ATOM = 9


def function(
    name: str, parameters: tuple[tuple[str, str], ...], returns: str | None, body: Term
) -> str:
    """Return the source of a function with ``body`` as it stands; ends with a newline."""
    inside = ", ".join(f"{each}: {kind}" if kind else each for each, kind in parameters)
    arrow = f" -> {returns}" if returns else ""
    taken = {each for each, _ in parameters} | {name}
    lines = [f"def {name}({inside}){arrow}:", *_body(body, taken)]
    return "\n".join(lines) + "\n"


def _body(term: Term, taken: set[str]) -> list[str]:
    lines: list[str] = []
    for repeated in _repeated(term):
        label = _fresh(repeated, taken)
        taken = taken | {label}
        lines.append(f"    {label} = {expression(repeated)}")
        term = _replace(term, repeated, var(label))
    while term.op == "if":
        condition, then, otherwise = term.args
        negative = condition.op == "not" and otherwise.op != "if"
        if negative or (then.op == "if" and otherwise.op != "if"):
            condition, then, otherwise = negate(condition), otherwise, then
        if then.op == "if":
            break
        lines.append(f"    if {expression(condition)}:")
        lines.append(f"        return {expression(then)}")
        term = otherwise
    if term.op == "if":
        lines += _nested(term, "    ")
    else:
        lines.append(f"    return {expression(term)}")
    return lines


def _nested(term: Term, indent: str) -> list[str]:
    if term.op != "if":
        return [f"{indent}return {expression(term)}"]
    condition, then, otherwise = term.args
    head = [f"{indent}if {expression(condition)}:", *_nested(then, indent + "    ")]
    return head + _nested(otherwise, indent)


def _repeated(term: Term) -> list[Term]:
    """Return the closed subterms worth a name: written twice or more, and three leaves or longer.

    A name is bound before the first condition, so only total operators may move there.
    """
    counts: Counter[Term] = Counter()

    def walk(part: Term, bound: frozenset[str]) -> None:
        if part.op == "gen":
            walk(part.args[0], bound)
            inner = bound | {str(part.value)}
            for argument in part.args[1:]:
                walk(argument, inner)
            return
        if _worth(part) and not variables(part) & bound:
            counts[part] += 1
        for argument in part.args:
            walk(argument, bound)

    walk(term, frozenset())
    found = [part for part, times in counts.items() if times >= 2]
    found.sort(key=size, reverse=True)
    return found[:1]


def _worth(term: Term) -> bool:
    if not _total(term):
        return False
    if term.op == "sum" or (term.op == "len" and term.args[0].op == "gen"):
        return True
    return term.op in ("+", "-", "*", "abs", "min", "max") and size(term) >= 5


def _total(term: Term) -> bool:
    if term.op in ("//", "%") and term.args[1].op != "int":
        return False
    return term.op not in ("item", "maxof", "minof") and all(_total(each) for each in term.args)


_LABELS = {"sum": "total", "len": "count", "-": "difference", "abs": "distance", "*": "product"}


def _fresh(term: Term, taken: set[str]) -> str:
    label = _LABELS.get(term.op, "value")
    used = taken | _bound(term)
    candidate, number = label, 2
    while candidate in used:
        candidate, number = f"{label}_{number}", number + 1
    return candidate


def _bound(term: Term) -> set[str]:
    names = {str(term.value)} if term.op == "gen" else set()
    for argument in term.args:
        names |= _bound(argument)
    return names


def _replace(term: Term, old: Term, new: Term) -> Term:
    if term == old:
        return new
    return Term(term.op, tuple(_replace(each, old, new) for each in term.args), term.value)


def expression(term: Term) -> str:
    """Return ``term`` as a Python expression; a tuple without its parentheses."""
    text = _text(term, 0)
    return text[1:-1] if term.op == "tuple" and len(term.args) > 1 else text


def _text(term: Term, around: float) -> str:
    tight = _tightness(term)
    text = _plain(term, tight)
    return f"({text})" if tight < around else text


def _tightness(term: Term) -> float:
    if term.op == "int" and isinstance(term.value, int) and term.value < 0:
        return 7
    return _TIGHTNESS.get(term.op, _ATOM)


def _plain(term: Term, tight: float) -> str:
    op, args = term.op, term.args
    if op in ("var", "int", "bool"):
        return str(term.value)
    if op == "if":
        condition, then, otherwise = args
        return f"{_text(then, 1)} if {_text(condition, 1)} else {_text(otherwise, 0)}"
    if op in ("and", "or"):
        return _chain(term) or f" {op} ".join(_text(each, tight + 1) for each in args)
    if op == "not":
        return f"not {_text(args[0], 3)}"
    if op == "neg":
        return f"-{_text(args[0], 8)}"
    if op in COMPARISONS:
        return f"{_text(args[0], 5)} {op} {_text(args[1], 5)}"
    if op == "~":
        return f"~{_text(args[0], 8)}"
    if op in ("+", "-", "*", "//", "%", "&", "|", "^", "<<", ">>"):
        return _binary(term, tight)
    return _call(term)


def _binary(term: Term, tight: float) -> str:
    left, right = term.args
    op = term.op
    if op == "+" and right.op == "int" and isinstance(right.value, int) and right.value < 0:
        return f"{_text(left, tight)} - {-right.value}"
    if op == "+" and right.op == "neg":
        return f"{_text(left, tight)} - {_text(right.args[0], tight + 1)}"
    # + and * associate over integers, so a right operand of the same operator needs no brackets.
    same = op in ("+", "*", "&", "|", "^") and right.op == op
    return f"{_text(left, tight)} {op} {_text(right, tight if same else tight + 0.1)}"


def _chain(term: Term) -> str | None:
    """Write ``lo <= x and x <= hi`` as ``lo <= x <= hi``."""
    if term.op != "and" or len(term.args) != 2:
        return None
    first, second = term.args
    for a, b in ((first, second), (second, first)):
        for left in (a, _flip(a)):
            for right in (b, _flip(b)):
                if (
                    left.op in ("<", "<=")
                    and right.op in ("<", "<=")
                    and left.args[1] == right.args[0]
                    and left.args[1].op == "var"
                ):
                    parts = [_text(each, 5) for each in (*left.args, right.args[1])]
                    return f"{parts[0]} {left.op} {parts[1]} {right.op} {parts[2]}"
    return None


_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def _flip(term: Term) -> Term:
    if term.op not in _FLIPPED:
        return term
    return Term(_FLIPPED[term.op], (term.args[1], term.args[0]))


def _call(term: Term) -> str:
    op, args = term.op, term.args
    if op == "gen":
        return f"[{_clauses(term)}]"
    if op == "tuple":
        return f"({', '.join(_text(each, 0) for each in args)}{',' if len(args) == 1 else ''})"
    if op in ("min", "max", "abs"):
        return f"{op}({', '.join(_text(each, 0) for each in _spread(term))})"
    if op in ("sum", "any", "all"):
        return f"{op}({_inside(args[0])})"
    if op in ("maxof", "minof"):
        name = op[:3]
        if len(args) == 1:
            return f"{name}({_inside(args[0])})"
        inner = f"({_clauses(args[0])})" if args[0].op == "gen" else _text(args[0], 0)
        return f"{name}({inner}, default={_text(args[1], 0)})"
    if op == "reversed":
        return f"{_text(args[0], _ATOM)}[::-1]"
    if op == "item":
        return f"{_text(args[0], _ATOM)}[{_text(args[1], 0)}]"
    return f"{op}({', '.join(_text(each, 0) for each in args)})"


def _spread(term: Term) -> list[Term]:
    """Return the operands of nested ``max`` (or ``min``) as those of one call."""
    if term.op == "abs":
        return list(term.args)
    found: list[Term] = []
    for argument in term.args:
        found += _spread(argument) if argument.op == term.op else [argument]
    return found


def _inside(term: Term) -> str:
    return _clauses(term) if term.op == "gen" else _text(term, 0)


def _clauses(term: Term) -> str:
    source, element = term.args[:2]
    text = f"{_text(element, 1)} for {term.value} in {_text(source, 1)}"
    if len(term.args) == 3:
        text += f" if {_text(term.args[2], 1)}"
    return text
