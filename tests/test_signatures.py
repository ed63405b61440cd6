"""Signatures name their types: `Any` hides from the reader what a function takes and returns."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TGBOT = Path(__file__).parent.parent / "tgbot"
#: Packages whose functions name every type; Telethon's TL objects by their classes.
PACKAGES = ("core", "handlers", "messaging", "plugins", "store", "web")


def signatures_with_any(source: str) -> Iterator[str]:
    """Yield `line: name` for each function whose parameters or result are annotated with `Any`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = node.args
            parameters = [
                *(*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs),
                *filter(None, (arguments.vararg, arguments.kwarg)),
            ]
            for annotation in (node.returns, *(parameter.annotation for parameter in parameters)):
                if annotation is not None and any(map(_is_any, ast.walk(annotation))):
                    yield f"{node.lineno}: {node.name}"
                    break


def _is_any(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return "Any" in node.value.replace("[", " ").replace("]", " ").replace(",", " ").split()
    return (isinstance(node, ast.Name) and node.id == "Any") or (
        isinstance(node, ast.Attribute) and node.attr == "Any"
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_no_signature_of_a_package_says_any(package: str) -> None:
    modules = sorted((TGBOT / package).rglob("*.py"))
    assert modules
    found = [
        f"{module}:{line}" for module in modules for line in signatures_with_any(module.read_text("utf-8"))
    ]
    assert found == []


def test_any_is_found_wherever_a_signature_can_hide_it() -> None:
    source = """
def plain(x: Any): ...
async def inner(*, x: dict[str, Any]) -> None: ...
def result() -> typing.Any: ...
def rest(*args: Any, **options: "Callable[..., Any]") -> None: ...
class C:
    def method(self, x: Any = None, /) -> None: ...
def fine(x: object, y: "AnyOf", many: list[int]) -> int:
    z: Any = x
    return z
"""
    found = [line.partition(": ")[2] for line in signatures_with_any(source)]
    assert sorted(found) == ["inner", "method", "plain", "rest", "result"]
