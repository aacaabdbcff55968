"""The imports of a Python file, read from its text."""

import ast
from collections.abc import Iterator
from pathlib import Path


def imported_names(path: Path) -> set[str]:
    """Return the dotted names that a module imports anywhere, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def defined_names(tree: ast.Module) -> set[str]:
    """Return the names that a module defines itself at its top level, also under conditions."""
    names: set[str] = set()
    for node in _top_level(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Assign() | ast.AnnAssign():
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                stored = (each for target in targets for each in ast.walk(target))
                names.update(each.id for each in stored if isinstance(each, ast.Name))
    return names


def passed_on_names(tree: ast.Module, *, package: str | None = None) -> set[str]:
    """Return the public names of other modules that a module offers as its own.

    They are those that it lists in `__all__`, imports `as` themselves or assigns to a name of its
    own. An `__init__.py`, given the dotted name of its package, also offers what it imports from
    the modules of the package.
    """
    imported: set[str] = set()
    offered: set[str] = set()
    for node in _top_level(tree):
        match node:
            case ast.ImportFrom():
                names = {each.asname or each.name for each in node.names}
                imported |= names
                offered |= {each.name for each in node.names if each.asname == each.name}
                if package is not None and (node.module or "").startswith(f"{package}."):
                    offered |= names
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=listed)):
                listed_names = {each.value for each in listed if isinstance(each, ast.Constant)}
                offered |= listed_names & imported
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=other)):
                offered |= {name} if other in imported else set()
    return {name for name in offered if not name.startswith("_")}


def _top_level(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements that run when a module is imported, outside functions and classes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        if isinstance(node, ast.If | ast.Try | ast.ExceptHandler | ast.With):
            yield from _top_level(node)
