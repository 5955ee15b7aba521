"""The words of SMT-LIB that an obligation may use: an allow-list, no description of theories.

What is not here is refused by the reader, even where Z3 or cvc5 would know it: every word below
means the same in both. Sources: SMT-LIB 2.7 and the theory files of smt-lib.org; the conversion
functions appear under both their old and new names.
"""

from __future__ import annotations

__all__ = ["INDEXED", "LOGICS", "RESERVED", "SORTS", "SORT_CONSTRUCTORS", "THEORY"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOGICS = _words(
    """ALL QF_BV QF_ABV QF_AUFBV QF_UFBV BV UFBV QF_UF UF QF_LIA LIA QF_NIA NIA QF_LRA LRA QF_NRA
    NRA QF_LIRA QF_NIRA QF_UFLIA UFLIA QF_UFNIA UFNIA QF_ALIA QF_AUFLIA AUFLIA ALIA QF_AUFLIRA
    AUFLIRA AUFNIRA QF_ANIA QF_AUFNIA QF_S QF_SLIA QF_FP QF_BVFP QF_FPLRA QF_BVFPLRA FP BVFP QF_DT
    QF_UFDT UFDT QF_UFDTLIA UFDTLIA QF_UFDTNIA UFDTNIA QF_AX QF_IDL QF_RDL"""
)

RESERVED = _words(
    """_ ! as let forall exists match par lambda choice BINARY DECIMAL HEXADECIMAL NUMERAL STRING
    assert check-sat check-sat-assuming declare-const declare-datatype declare-datatypes declare-fun
    declare-sort define-const define-fun define-fun-rec define-funs-rec define-sort echo exit
    get-assertions get-assignment get-info get-model get-option get-proof get-unsat-assumptions
    get-unsat-core get-value pop push reset reset-assertions set-info set-logic set-option include
    eval simplify display minimize maximize block-model declare-var declare-rel rule query"""
)

SORTS = _words("Bool Int Real String RegLan RoundingMode Float16 Float32 Float64 Float128")

SORT_CONSTRUCTORS = {"Array": 2, "Seq": 1}
"""Sort constructors and how many sorts they take; ``BitVec`` and ``FloatingPoint`` are indexed."""

_CORE = _words("true false not and or xor => = distinct ite")
_ARITHMETIC = _words("+ - * / div mod abs < <= > >= to_real to_int is_int")
_ARRAYS = _words("select store")
_BITVECTORS = _words(
    """concat bvnot bvneg bvand bvor bvxor bvnand bvnor bvxnor bvadd bvsub bvmul bvudiv bvurem
    bvsdiv bvsrem bvsmod bvshl bvlshr bvashr bvult bvule bvugt bvuge bvslt bvsle bvsgt bvsge bvcomp
    bv2nat ubv_to_int sbv_to_int"""
)
_FLOATS = _words(
    """fp RNE RNA RTP RTN RTZ roundNearestTiesToEven roundNearestTiesToAway roundTowardPositive
    roundTowardNegative roundTowardZero fp.abs fp.neg fp.add fp.sub fp.mul fp.div fp.fma fp.sqrt
    fp.rem fp.roundToIntegral fp.min fp.max fp.leq fp.lt fp.geq fp.gt fp.eq fp.isNormal
    fp.isSubnormal fp.isZero fp.isInfinite fp.isNaN fp.isNegative fp.isPositive fp.to_real"""
)
_STRINGS = _words(
    """str.++ str.len str.< str.<= str.at str.substr str.prefixof str.suffixof str.contains
    str.indexof str.replace str.replace_all str.is_digit str.to_code str.from_code str.to_int
    str.from_int str.to_re str.in_re re.none re.all re.allchar re.++ re.union re.inter re.* re.+
    re.opt re.range re.comp re.diff"""
)
_SEQUENCES = _words(
    """seq.empty seq.unit seq.len seq.nth seq.++ seq.extract seq.at seq.contains seq.indexof
    seq.replace seq.prefixof seq.suffixof"""
)

THEORY = _CORE | _ARITHMETIC | _ARRAYS | _BITVECTORS | _FLOATS | _STRINGS | _SEQUENCES
"""Every function and constant of a theory that a term may use without declaring it."""

INDEXED = {
    "BitVec": 1,
    "FloatingPoint": 2,
    "char": 1,
    "extract": 2,
    "zero_extend": 1,
    "sign_extend": 1,
    "repeat": 1,
    "rotate_left": 1,
    "rotate_right": 1,
    "int2bv": 1,
    "int_to_bv": 1,
    "to_fp": 2,
    "to_fp_unsigned": 2,
    "fp.to_ubv": 1,
    "fp.to_sbv": 1,
    "NaN": 2,
    "+oo": 2,
    "-oo": 2,
    "+zero": 2,
    "-zero": 2,
    "divisible": 1,
    "re.loop": 2,
    "re.^": 1,
    "is": 1,
}
"""Indexed identifiers ``(_ word i ...)`` and their number of indices; ``bvN`` is handled apart."""
