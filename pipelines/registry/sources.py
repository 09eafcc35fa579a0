"""What the text of our own modules says that they import, and what a package's `__init__` passes on. Nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Import(NamedTuple):
    """One imported name.

    Attributes:
        module: The module that is named, dotted.
        name: What is taken from it; None for `import module`.
        known_as: What it is called in the importing module.
    """

    module: str
    name: str | None
    known_as: str


class Package(NamedTuple):
    """What an `__init__` that holds only imports, aliases and registries passes on.

    Attributes:
        imports: Name -> where it is from.
        values: Name -> the expression that it stands for: an alias, or a registry's dict.
    """

    imports: dict[str, Import]
    values: dict[str, ast.expr]

    @property
    def registries(self) -> dict[str, ast.Dict]:
        return {name: value for name, value in self.values.items() if isinstance(value, ast.Dict)}


class Sources:
    """The modules below a checkout's root, read once each.

    Args:
        root: Of the checkout.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._trees: dict[str, ast.Module] = {}

    def path(self, module: str) -> Path | None:
        """The file of a module, or of a package's `__init__`; None where it is not ours, or not there."""
        base = self.root.joinpath(*module.split("."))
        found = [path for path in (base / "__init__.py", base.with_name(f"{base.name}.py")) if path.is_file()]
        return found[0] if found else None

    def is_own(self, module: str) -> bool:
        return self.path(module.partition(".")[0]) is not None

    def is_package(self, module: str) -> bool:
        path = self.path(module)
        return path is not None and path.name == "__init__.py"

    def tree(self, module: str) -> ast.Module:
        """The parsed module.

        Raises:
            ValueError: There is no such file, or it is no Python.
        """
        if module not in self._trees:
            path = self.path(module)
            if path is None:
                raise ValueError(f"{self.root} has no module {module}, but something imports it")
            try:
                self._trees[module] = ast.parse(path.read_bytes(), str(path))
            except SyntaxError as error:
                raise ValueError(f"{path}:{error.lineno}: {error.msg}") from error
        return self._trees[module]

    def imports(self, module: str, typing: bool = False) -> list[Import]:
        """All that a module imports, inside functions too.

        Args:
            module: Dotted.
            typing: Whether what stands under `if TYPE_CHECKING:` counts.

        Raises:
            ValueError: An import that cannot be followed: a relative one, or `*` of our own.
        """
        found = []
        for node in _nodes(self.tree(module), typing):
            if isinstance(node, ast.Import | ast.ImportFrom):
                found += imported_names(node)
        for one in found:
            if one.module.startswith(".") or (one.name == "*" and self.is_own(one.module)):
                raise ValueError(
                    f"{self.path(module)} imports {one.name} from {one.module}: name module and names in full"
                )
        return found

    def package(self, module: str) -> Package:
        """What the `__init__` of a package passes on."""
        imports: dict[str, Import] = {}
        values: dict[str, ast.expr] = {}
        for node in self.tree(module).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                imports.update({one.known_as: one for one in imported_names(node)})
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                values.update({target.id: node.value for target in targets if isinstance(target, ast.Name)})
        values.pop("__all__", None)
        return Package(imports, values)


def imported_names(node: ast.Import | ast.ImportFrom) -> list[Import]:
    """The names of one statement; a relative module keeps its dots."""
    if isinstance(node, ast.Import):
        return [Import(one.name, None, one.asname or one.name.partition(".")[0]) for one in node.names]
    module = "." * node.level + (node.module or "")
    return [Import(module, one.name, one.asname or one.name) for one in node.names]


def _nodes(node: ast.AST, typing: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not typing and isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            yield from _nodes(ast.Module(child.orelse, []), typing)
        else:
            yield child
            yield from _nodes(child, typing)
