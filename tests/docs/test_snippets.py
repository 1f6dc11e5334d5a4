"""Snippets of Python on the pages compile, what they import exists, and presets in TOML are read."""

from __future__ import annotations

import ast
import doctest
from importlib import import_module

import pytest

from synth.plans.preset import read_preset
from tests.docs.pages import DOCS, PAGES, code_blocks, page_name


def source_of(block: str) -> str:
    """A block's statements; of a session with `>>>`, what was typed."""
    if ">>>" not in block:
        return block
    return "".join(example.source for example in doctest.DocTestParser().get_examples(block))


def missing_imports(tree: ast.Module) -> list[str]:
    """What a snippet imports and is not there."""
    missing = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                import_module(alias.name)
        elif isinstance(node, ast.ImportFrom):
            module = import_module(node.module)
            missing += [alias.name for alias in node.names if not hasattr(module, alias.name)]
    return missing


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_snippets_compile_and_import_what_exists(page):
    for block in code_blocks(page.read_text(encoding="utf-8"), "python"):
        tree = ast.parse(source_of(block))
        assert tree.body and not missing_imports(tree), block


def test_pages_have_snippets_and_a_wrong_import_is_seen():
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    assert sum(len(list(code_blocks(text, "python"))) for text in texts) > 12
    assert missing_imports(ast.parse("from mocap import Body, Bodie")) == ["Bodie"]


def test_the_session_about_scores_gives_what_it_says():
    result = doctest.testfile(str(DOCS / "protocols.md"), module_relative=False)
    assert result.attempted >= 3 and result.failed == 0


def test_the_preset_on_the_page_is_read(tmp_path):
    page = (DOCS / "presets.md").read_text(encoding="utf-8")
    blocks = [b for b in code_blocks(page, "toml") if b.startswith("extends") and "moves" in b]
    assert len(blocks) == 1
    (tmp_path / "mine.toml").write_text(blocks[0])
    preset = read_preset(tmp_path / "mine.toml")
    assert preset.film.width == 640 and preset.camera.moves == {"still": 1.0, "pan": 1.0}
    assert preset.textures.limit == read_preset("surreal++").textures.limit
