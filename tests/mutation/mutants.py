"""Mutants of a source file: each has one operator, constant, condition or name changed."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

_OPERATORS: Final[dict[type[ast.AST], type[ast.AST]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
_PAIRS: Final = [
    ("min", "max"), ("any", "all"), ("minimum", "maximum"), ("argmin", "argmax"),
    ("floor", "ceil"), ("log", "exp"), ("cumsum", "cumprod"), ("zeros", "ones"), ("sum", "prod"),
]  # fmt: skip
_NAMES: Final = {**dict(_PAIRS), **{b: a for a, b in _PAIRS}}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed source.

    Attributes:
        place: function or class of the change, such as "Calibration.llr"; "" means the module.
        change: the expression before and after; a number distinguishes equal changes of a place.
        source: text of the whole file.
    """

    place: str
    change: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield all mutants of a file. Annotations, text and the messages of errors stay unchanged."""
    tree = ast.parse(source)
    seen: Counter[tuple[str, str]] = Counter()
    for at, (place, node) in enumerate(_code(tree, "")):
        for change in _changes(node):
            changed = copy.deepcopy(tree)
            _, new = next(islice(_code(changed, ""), at, None))
            before = _shown(node)
            change(new)
            text = f"{before} -> {_shown(new)}"
            seen[place, text] += 1
            if seen[place, text] > 1:
                text += f" ({seen[place, text]})"
            yield Mutant(place, text, ast.unparse(changed))


def _shown(node: ast.AST) -> str:
    return f"if {ast.unparse(node.test)}" if isinstance(node, ast.If) else ast.unparse(node)


def _code(tree: ast.AST, place: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield the nodes that compute something or branch, with their place, in a fixed order."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.arg):
            continue
        if isinstance(node, ast.AnnAssign):
            if node.value is not None:
                yield from _code(ast.Expression(node.value), place)
            continue
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            if any(
                isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list
            ):
                continue  # only types
            inner = f"{place}.{node.name}".lstrip(".")
            yield from _code(ast.Module([*node.body], []), inner)
            if isinstance(node, ast.FunctionDef):
                yield from _code(node.args, inner)
            continue
        if isinstance(
            node,
            ast.BinOp | ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant | ast.If | ast.Call,
        ):
            yield place, node
        yield from _code(node, place)


def _changes(node: ast.AST) -> Iterator[Callable[[Any], None]]:
    """Return functions that change a node in place, each in another way."""
    match node:
        case ast.BinOp(op=operator) | ast.BoolOp(op=operator) if type(operator) in _OPERATORS:
            yield lambda new: setattr(new, "op", _OPERATORS[type(new.op)]())
        case ast.Compare(ops=[operator]) if type(operator) in _OPERATORS:
            yield lambda new: setattr(new, "ops", [_OPERATORS[type(new.ops[0])]()])
        case ast.Compare(ops=[first, second]):
            if type(first) in _OPERATORS:
                yield lambda new: setattr(new, "ops", [_OPERATORS[type(first)](), new.ops[1]])
            if type(second) in _OPERATORS:
                yield lambda new: setattr(new, "ops", [new.ops[0], _OPERATORS[type(second)]()])
        case ast.UnaryOp(op=ast.USub()):
            yield lambda new: setattr(new, "op", ast.UAdd())
        case ast.UnaryOp(op=ast.Not()):  # `not x` becomes `not not x`
            yield lambda new: setattr(new, "operand", ast.UnaryOp(ast.Not(), new.operand))
        case ast.Constant(value=bool()):
            yield lambda new: setattr(new, "value", not new.value)
        case ast.Constant(value=int() | float()):
            yield lambda new: setattr(new, "value", new.value + 1)
        case ast.If():
            yield lambda new: setattr(new, "test", ast.Constant(False))
        case ast.Call(func=ast.Name(id=name)) if name in _NAMES:
            yield lambda new: setattr(new.func, "id", _NAMES[new.func.id])
        case ast.Call(func=ast.Attribute(attr=name)) if name in _NAMES:
            yield lambda new: setattr(new.func, "attr", _NAMES[new.func.attr])
