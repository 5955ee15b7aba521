"""The list of attacks, each with the rejection that it must meet and the test that shows it.

The table is read by a person who asks "what about ...?". A test sees to it that every row points at
a test that exists, and that every code is one that the package raises.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PACKAGE = Path(__file__).resolve().parents[3] / "workbench"

BYTES = "test_attacks_bytes.py::"
KEYS = "test_attacks_keys.py::"
LIES = "test_lying_signer.py::"
MORE = "test_attacks_more.py::"
AGAIN = "test_recheck_bundle.py::"
RULES = "test_selection.py::"

ANY_CHANGE = BYTES + "test_any_changed_signed_file_is_refused"
CERTIFICATE = BYTES + "test_a_changed_certificate_is_refused"
ENVELOPES = KEYS + "test_odd_envelopes_are_malformed"
PAYLOADS = KEYS + "test_signed_payloads_with_a_second_meaning_are_refused"
EVIDENCE = LIES + "test_a_signed_lie_about_the_evidence_is_refused"
FIGURES = LIES + "test_a_signed_lie_in_the_statement_is_refused"
TRICKS = BYTES + "test_zip_tricks_are_refused_and_write_nothing_outside"
ARCHIVES = MORE + "test_an_archive_that_deceives_is_no_sound_zip"
PROGRAMS = AGAIN + "test_smt_text_that_is_a_program_reaches_no_solver"

ATTACKS: tuple[tuple[str, str, str], ...] = (
    # bytes
    ("flip a byte in any signed file", "changed-file", ANY_CHANGE),
    ("flip each byte of a small file", "changed-file",
     MORE + "test_each_flipped_byte_of_a_small_file_is_refused"),
    ("flip a byte in an obligation", "changed-file",
     BYTES + "test_a_flipped_byte_in_each_obligation_is_refused"),
    ("flip a byte of the certificate", "bad-signature",
     BYTES + "test_every_flipped_byte_of_the_certificate_is_refused_or_changes_nothing"),
    ("truncate, halve or empty a file", "changed-file", ANY_CHANGE),
    ("append a newline; CRLF; a byte order mark; UTF-16", "changed-file", ANY_CHANGE),
    ("truncate or convert the certificate", "malformed", CERTIFICATE),
    # files
    ("a missing file", "missing-file", BYTES + "test_a_missing_file_is_refused"),
    ("an extra file", "extra-file", BYTES + "test_an_extra_file_is_refused"),
    ("two swapped obligations", "renamed", BYTES + "test_two_swapped_obligations_are_refused"),
    ("a renamed file", "extra-file", BYTES + "test_a_renamed_file_is_refused"),
    ("a symbolic link to a file", "symlink", BYTES + "test_symbolic_links_are_refused"),
    ("a symbolic link to a folder", "symlink", BYTES + "test_a_linked_folder_is_refused"),
    ("a pipe that never ends", "odd-file", BYTES + "test_a_pipe_is_refused_without_waiting"),
    ("names that differ in case", "case-clash",
     BYTES + "test_names_that_differ_only_in_case_are_refused"),
    ("a case clash that was signed", "case-clash",
     MORE + "test_a_case_clash_in_the_signed_sums_is_refused"),
    ("`..` and absolute names in the sums", "bad-name",
     BYTES + "test_sums_with_strange_lines_are_refused_even_when_signed"),
    ("odd names", "bad-name", BYTES + "test_strange_names_are_refused"),
    ("device names of Windows, trailing dots", "bad-name",
     MORE + "test_names_that_some_system_cannot_hold_are_refused"),
    ("a pickle in the adapter", "adapter-file",
     BYTES + "test_a_pickle_in_the_adapter_is_refused_even_when_signed"),
    ("safetensors with holes, overlaps, a tail", "adapter-file",
     BYTES + "test_what_is_no_safetensors_is_refused_even_when_signed"),
    ("stale sums", "changed-file", LIES + "test_stale_sums_are_refused"),
    # archives
    ("zip: path out of the folder", "bad-name", TRICKS),
    ("zip: names of other systems, NUL, folders", "bad-name",
     MORE + "test_an_archive_s_names_are_bundle_names_on_every_system"),
    ("zip: the same name twice", "duplicate-name", TRICKS),
    ("zip: a bomb", "too-large", TRICKS),
    ("zip: a link", "odd-file", TRICKS),
    ("zip: another name before the data", "bad-zip", ARCHIVES),
    ("zip: overlapping entries", "bad-zip", ARCHIVES),
    ("zip: encrypted, damaged, a wrong checksum", "bad-zip", ARCHIVES),
    # keys
    ("signed again by another key", "bad-signature",
     KEYS + "test_a_certificate_signed_again_by_another_key_is_refused"),
    ("another key under the original keyid", "bad-signature",
     KEYS + "test_the_original_keyid_does_not_help_another_key"),
    ("an old signature beside a new one", "bad-signature",
     KEYS + "test_an_old_signature_beside_a_new_one_vouches_for_nothing"),
    ("the keyid of another trusted key", "bad-signature",
     MORE + "test_the_keyid_of_another_trusted_key_gives_that_key_no_voice"),
    ("a key of small order", "weak-key",
     KEYS + "test_keys_of_small_order_are_refused_before_anything_else"),
    ("P-256, RSA, Ed448 as ed25519", "bad-key",
     KEYS + "test_keys_of_other_algorithms_are_refused"),
    ("other sets of ML-DSA", "bad-key",
     "test_post_quantum.py::test_other_parameter_sets_and_lengths_are_no_keys"),
    ("one person's two signatures as two persons'", "bad-signature",
     "test_post_quantum.py::"
     "test_the_second_signature_is_never_enough_alone_and_is_no_second_person"),
    ("the bundle's own key", "bad-signature",
     KEYS + "test_a_key_inside_the_bundle_is_never_trusted"),
    ("a revoked key", "no-key", KEYS + "test_a_revoked_key_counts_for_nothing"),
    ("the same key twice for a threshold", "bad-signature",
     KEYS + "test_the_same_key_twice_is_one_key"),
    ("S + L", "bad-signature", KEYS + "test_a_malleated_signature_is_refused"),
    # protocol
    ("a signature over the bare payload", "bad-signature",
     KEYS + "test_a_signature_over_the_bare_payload_is_refused"),
    ("payloadType changed", "payload-type",
     KEYS + "test_a_signature_for_another_payload_type_is_refused"),
    ("a statement of another predicate", "predicate-type",
     KEYS + "test_statements_of_another_type_are_refused"),
    ("envelope: extra field, list, null or number for a signature", "malformed", ENVELOPES),
    ("envelope: duplicate keys", "malformed",
     KEYS + "test_duplicate_keys_in_the_envelope_are_malformed"),
    # JSON
    ("duplicate key, NaN, 1e400, 3.0, '3', true, huge integer", "malformed", PAYLOADS),
    ("200,000 levels, lone surrogate, unknown field, a list", "malformed", PAYLOADS),
    ("rows in a second spelling", "not-canonical",
     LIES + "test_rows_in_a_second_spelling_are_refused"),
    # replay
    ("an older round", "policy", KEYS + "test_an_older_round_is_refused_by_policy"),
    ("a broken chain", "policy", KEYS + "test_a_broken_chain_is_refused_by_policy"),
    ("the certificate of another round", "changed-file",
     KEYS + "test_the_certificate_of_another_round_does_not_fit_these_files"),
    ("another round's adapter", "training",
     LIES + "test_an_adapter_exchanged_for_another_is_refused_even_when_signed"),
    ("the time stamp of another certificate", "timestamp",
     "test_timestamp.py::test_a_stamp_of_another_certificate_is_refused"),
    # the lying signer
    ("wrong counts, roots, levels, lift", "wrong-figures", FIGURES),
    ("an asserted claim called recheckable", "claims", FIGURES),
    ("a loser in the dataset", "not-a-winner", EVIDENCE),
    ("a winner left out", "winner-missing", EVIDENCE),
    ("duplicate rows", "duplicate-row", EVIDENCE),
    ("a row that teaches other code", "dataset", EVIDENCE),
    ("unknown counted as proved", "evaluation",
     MORE + "test_an_unknown_that_is_counted_as_right_on_a_held_out_task_is_refused"),
    ("a held-out task in training", "leak",
     LIES + "test_a_held_out_task_in_the_dataset_is_refused"),
    ("a held-out task under another id or in other words", "leak",
     MORE + "test_a_training_task_held_out_in_disguise_is_a_leak"),
    ("a made-up size of the winner", "selection",
     RULES + "test_what_the_second_rule_reads_cannot_be_made_up"),
    ("a row left out without a word", "winner-missing",
     RULES + "test_a_row_left_out_without_a_word_and_a_word_without_a_row_are_refused"),
    ("a proof without companion", "vacuous", LIES + "test_a_vacuous_proof_is_refused"),
    ("a proof by nothing", "no-obligation",
     LIES + "test_a_proof_without_any_obligation_is_refused"),
    ("a page that boasts", "pages", LIES + "test_a_page_that_boasts_is_refused"),
    ("a solver or encoder that is not accepted", "policy",
     KEYS + "test_versions_and_level_can_be_demanded"),
    # the lying signer, found by re-checking
    ("an obligation replaced by false", "recheck-derivation",
     AGAIN + "test_an_obligation_replaced_by_false_is_not_the_derived_one"),
    ("SMT text that prints unsat, pops, writes a file, NUL", "recheck-grammar", PROGRAMS),
    ("a property missing", "recheck-derivation", AGAIN + "test_a_missing_property_is_found"),
    ("a property weaker than the task's", "recheck-derivation",
     AGAIN + "test_a_property_weaker_than_the_task_s_is_found"),
    ("a precondition that nothing meets", "recheck-solvers",
     AGAIN + "test_a_precondition_that_nothing_meets_is_found"),
    ("a wrong candidate called proved", "recheck-solvers",
     AGAIN + "test_a_wrong_candidate_called_proved_is_found"),
    ("a counterexample on which nothing fails", "recheck-counterexamples",
     AGAIN + "test_a_counterexample_on_which_nothing_fails_is_found"),
    ("bounded called proved", "recheck-derivation",
     AGAIN + "test_a_bounded_exploration_called_proved_is_found"),
    ("partial called proved", "recheck-derivation",
     AGAIN + "test_a_proof_that_leaves_termination_open_is_only_partial"),
    ("a hidden assumption", "recheck-derivation", AGAIN + "test_a_hidden_assumption_is_found"),
    ("obligations of an older encoder", "skipped",
     AGAIN + "test_another_encoder_s_proofs_are_not_vouched_for"),
    # registries
    ("a registry that lies about a bundle", "registry-entry",
     "../registry/test_exchange.py::test_a_registry_that_lies_about_a_bundle_is_found_out"),
    ("a registry that exchanges the archive", "registry-archive",
     "../registry/test_exchange.py::"
     "test_other_bytes_other_sizes_and_other_bundles_are_refused"),
)  # fmt: skip


def _tests(name: str) -> set[str]:
    tree = ast.parse((HERE / name).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ATTACKS, ids=lambda row: row[0])
def test_every_attack_of_the_list_is_met_by_a_test(row: tuple[str, str, str]) -> None:
    _, code, place = row
    file, _, test = place.partition("::")
    assert test in _tests(file), place
    if code == "skipped":
        return
    source = "".join(
        path.read_text()
        for folder in ("certificate", "registry")
        for path in (PACKAGE / folder).glob("*.py")
    )
    assert f'"{code}"' in source, code


def test_no_attack_is_listed_twice() -> None:
    assert len({name for name, _, _ in ATTACKS}) == len(ATTACKS)
