"""The child process in which a solver runs; started by ``judge.solve``, imports nothing of ours.

It reads one JSON request a line on stdin and writes one JSON answer a line on stdout. A request is
``{"text": ..., "attempts": [{"rlimit": n, "options": {...}}, ...]}``, where the text has passed the
strict reader. Attempts run in order until one decides. A request with ``"texts"`` instead asks
cvc5 for several obligations in one solver, each in a scope of its own; its answer has
``"results"``, and what is not decided there is asked again alone. One with ``"horn"`` asks Z3's
Spacer for relations that satisfy Horn clauses. Each attempt and each batch has
a fresh context, so that an answer and the resources it took do not depend on what was asked
before. The child gives up the right to write files and to grow before it reads its first request.
"""

import json
import os
import resource
import signal
import sys
import time
from typing import Any


def confine(memory_mb: int) -> None:
    """Cap memory, forbid core dumps and writing to files."""
    size = memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def z3_attempt(text: str, rlimit: int, options: dict[str, str]) -> tuple[str, str, int]:
    """Ask Z3 once; return the answer, the reason of an unknown, and the resources used."""
    import z3

    context = z3.Context()
    solver = z3.Solver(ctx=context)
    solver.set("rlimit", rlimit)
    for key, value in options.items():
        solver.set(key, value)
    solver.from_string(text)
    answer = str(solver.check())
    reason = solver.reason_unknown() if answer == "unknown" else ""
    statistics = solver.statistics()
    used = statistics.get_key_value("rlimit count") if "rlimit count" in statistics.keys() else 0  # noqa: SIM118
    return answer, reason, int(used)


def cvc5_attempt(text: str, rlimit: int, options: dict[str, str]) -> tuple[str, str, int]:
    """Ask cvc5 once; return the answer, the reason of an unknown, and the resources used."""
    import cvc5

    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("rlimit", str(rlimit))
    for key, value in options.items():
        solver.setOption(key, value)
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "obligation")
    symbols = parser.getSymbolManager()
    printed = ""
    while not (command := parser.nextCommand()).isNull():
        printed += command.invoke(solver, symbols)
    word, _, rest = printed.strip().partition(" ")
    used = solver.getStatistics()["resource::resourceUnitsUsed"]["value"]
    if word in ("sat", "unsat", "unknown"):
        return word, rest.strip("()"), int(used)
    return "error", printed.strip()[:500], int(used)


def cvc5_batch(
    texts: list[str], logic: str, rlimit: int, options: dict[str, str]
) -> tuple[list[str], int]:
    """Ask cvc5 about several texts in one solver: the answers in order, resources of them all."""
    import cvc5

    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("incremental", "true")
    solver.setOption("rlimit-per", str(rlimit))
    for name, value in options.items():
        solver.setOption(name, value)
    parser = cvc5.InputParser(solver)
    pieces = [f"(set-logic {logic})\n"]
    for text in texts:
        pieces += ["(push 1)\n", text.partition("\n")[2], "(pop 1)\n"]
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, "".join(pieces), "obligations")
    symbols = parser.getSymbolManager()
    found: list[str] = []
    while not (command := parser.nextCommand()).isNull():
        printed = command.invoke(solver, symbols).strip()
        if printed:
            found.append(printed if printed in ("sat", "unsat") else "unknown")
    # Asked for once: it costs as much as an easy answer.
    return found, int(solver.getStatistics()["resource::resourceUnitsUsed"]["value"])


def bitwuzla_attempt(text: str, rlimit: int, options: dict[str, str]) -> tuple[str, str, int]:
    """Ask Bitwuzla once; it counts no resources, so only the fuse in processor time ends it."""
    import bitwuzla

    manager, chosen = bitwuzla.TermManager(), bitwuzla.Options()
    parser = bitwuzla.Parser(manager, chosen)
    parser.parse(text.replace("(check-sat)\n", ""), True, False)
    return str(parser.bitwuzla().check_sat()), "", 0


def horn(request: dict[str, Any]) -> dict[str, Any]:
    """Ask Spacer for relations that satisfy Horn clauses; its model as text, where it has one."""
    import z3

    try:
        context = z3.Context()
        solver = z3.SolverFor("HORN", ctx=context)
        solver.set("rlimit", request["rlimit"])
        solver.from_string(request["horn"])
        word = str(solver.check())
        statistics = solver.statistics()
        known = "rlimit count" in statistics.keys()  # noqa: SIM118
        used = int(statistics.get_key_value("rlimit count")) if known else request["rlimit"]
        model = solver.model().sexpr() if word == "sat" else ""
        return {"result": word, "model": model, "rlimit": used}
    except refusals("z3") as problem:
        return {"result": "error", "model": str(problem)[:500], "rlimit": request["rlimit"]}


def refusals(solver: str) -> tuple[type[Exception], ...]:
    """Return the exceptions by which a solver says that it refuses a text or ran out of memory."""
    if solver == "z3":
        import z3

        return z3.Z3Exception, MemoryError
    if solver == "bitwuzla":
        import bitwuzla

        return bitwuzla.BitwuzlaException, MemoryError
    return RuntimeError, MemoryError


def batch(request: dict[str, Any]) -> dict[str, Any]:
    """Run a batch; a refusal leaves everything to be asked alone."""
    started = time.perf_counter()
    try:
        results, used = cvc5_batch(
            request["texts"], request["logic"], request["rlimit"], request["options"]
        )
    except refusals("cvc5"):
        results, used = [], 0
    return {"results": results, "rlimit": used, "seconds": time.perf_counter() - started}


def answer(solver: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run the attempts of one request until one decides."""
    ask = {"z3": z3_attempt, "cvc5": cvc5_attempt, "bitwuzla": bitwuzla_attempt}[solver]
    used, word, reason = 0, "unknown", "no attempt was asked for"
    started = time.perf_counter()
    for attempt in request["attempts"]:
        try:
            word, reason, cost = ask(request["text"], attempt["rlimit"], attempt["options"])
        except refusals(solver) as problem:
            word, reason, cost = "error", f"{type(problem).__name__}: {problem}"[:500], 0
        used += cost
        if word in ("sat", "unsat"):
            break
    seconds = time.perf_counter() - started
    return {"result": word, "reason": reason, "rlimit": used, "seconds": seconds}


def main() -> None:
    """Serve requests until stdin ends. Arguments: the solver's name and the memory cap in MB."""
    solver = sys.argv[1]
    # Answers go over a private copy: whatever a solver prints must not mix with them.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    if solver == "z3":
        import z3

        version = z3.get_version_string()
    elif solver == "bitwuzla":
        from importlib.metadata import version as installed

        import bitwuzla  # noqa: F401  # where it is missing, the child does not start

        version = installed("bitwuzla")
    else:
        import cvc5

        version = cvc5.__version__
    confine(int(sys.argv[2]))
    print(json.dumps({"version": version}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        # Processor time, so that a busy machine ends nothing; the signal ends this process.
        signal.setitimer(signal.ITIMER_PROF, float(request["cpu_seconds"]))
        if "horn" in request:
            said = horn(request)
        else:
            said = batch(request) if "texts" in request else answer(solver, request)
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    main()
