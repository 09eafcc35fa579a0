"""Which of our modules decide what an entry does: its imports and theirs, narrowed to the parts that a recipe chose.

A package's `__init__` is looked through, not counted: a name leads to the module that defines it, and a registry (a dict)
to what stands under the chosen keys. So a codec that is added changes nothing for those who chose another.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterable, Mapping

from pipelines.registry.sources import Import, Package, Sources

# How and where a stage runs, and what becomes of its result: neither decides what the result is. The one exception is the
# Arrow form of all that is written. (Pages make the output of the stages that import them, so they count as they come.)
APART = ("pipelines.runtime", "pipelines.registry")
NOT_APART = ("pipelines.runtime.tables",)
# Its values are known to DVC and to a training's key one by one. Only what they are made of counts.
PARAMS = "pipelines.params"


class Closure:
    """What was reached from the entries.

    Args:
        sources: The checkout's.
        chosen: Name of a registry -> the keys of it that count; of one that is not named here, all do.

    Attributes:
        modules: Ours, dotted.
        members: "Class.method" of the params that the modules use -> SHA-256 of its text.
        others: Top-level names of what is not ours, Python's own modules among them.
    """

    def __init__(self, sources: Sources, chosen: Mapping[str, Collection[str]]) -> None:
        self.sources, self.chosen = sources, chosen
        self.modules: set[str] = set()
        self.members: dict[str, str] = {}
        self.others: set[str] = set()

    def enter(self, module: str) -> None:
        """Adds a module and all that it imports; of a package, all that it passes on.

        Raises:
            ValueError: A module or a name that is not there.
        """
        if module in self.modules or module == PARAMS or is_apart(module):
            return
        if self.sources.is_package(module):
            package = self.sources.package(module)
            for name in (*package.imports, *package.values):
                self._follow_name(module, name)
            return
        tree = self.sources.tree(module)
        self.modules.add(module)
        for one in self.sources.imports(module):
            self._follow(one)
        # Also where they are only named for a type: the values come from the caller.
        if any(one.module == PARAMS for one in self.sources.imports(module, typing=True)):
            self._use_params(attributes(tree))

    def _follow(self, one: Import) -> None:
        if not self.sources.is_own(one.module):
            self.others.add(one.module.partition(".")[0])
        elif one.name is not None and self.sources.is_package(one.module):
            self._follow_name(one.module, one.name)
        else:
            self.enter(one.module)

    def _follow_name(self, module: str, name: str) -> None:
        package = self.sources.package(module)
        if name in package.imports:
            self._follow(package.imports[name])
        elif name in package.values:
            for part in self._parts(package, name):
                self._follow_name(module, part)
        elif self.sources.path(f"{module}.{name}"):
            self.enter(f"{module}.{name}")
        else:
            raise ValueError(
                f"{self.sources.path(module)} neither imports {name} nor makes it a registry or another name for what it "
                "imports: move it to a file of its own"
            )

    def _parts(self, package: Package, name: str) -> set[str]:
        """The names of a package that one of its registries or aliases stands for."""
        if name in package.registries:
            return self._registered(package, name, chosen=True)
        # An alias, such as the union of all codecs, does not bring in the parts that were not chosen.
        left_out = {part for registry in package.registries for part in self._registered(package, registry, False)}
        used = {part for registry in package.registries for part in self._registered(package, registry, True)}
        return passed_on(package, [package.values[name]]) - (left_out - used)

    def _registered(self, package: Package, registry: str, chosen: bool) -> set[str]:
        entries = package.registries[registry]
        keys = self.chosen.get(registry)
        values = [
            value
            for key, value in zip(entries.keys, entries.values, strict=True)
            if chosen == (keys is None or not isinstance(key, ast.Constant) or key.value in keys)
        ]
        return passed_on(package, values)

    def _use_params(self, mentioned: set[str]) -> None:
        """Adds what the params' methods and fields of these names are made of."""
        tree, imports = self.sources.tree(PARAMS), {one.known_as: one for one in self.sources.imports(PARAMS)}
        for made in (node for node in tree.body if isinstance(node, ast.ClassDef)):
            for node in made.body:
                if isinstance(node, ast.FunctionDef) and node.name in mentioned and not node.name.startswith("_"):
                    label = f"{made.name}.{node.name}"
                    if label not in self.members:
                        self.members[label] = hashlib.sha256(ast.unparse(node).encode()).hexdigest()
                        self._follow_known(imports, names([node]))
                        self._use_params(attributes(node))
                elif isinstance(node, ast.AnnAssign) and names([node.target]) <= mentioned:
                    self._follow_known(imports, names([field_type(node)]))

    def _follow_known(self, imports: Mapping[str, Import], used: Iterable[str]) -> None:
        for name in used:
            if name in imports:
                self._follow(imports[name])


def is_apart(module: str) -> bool:
    return module not in NOT_APART and any(module == room or module.startswith(f"{room}.") for room in APART)


def field_type(field: ast.AnnAssign) -> ast.expr:
    """The type of a field, without what `Annotated` says beside it: that only checks the value."""
    of = field.annotation
    if isinstance(of, ast.Subscript) and names([of.value]) == {"Annotated"} and isinstance(of.slice, ast.Tuple):
        return of.slice.elts[0]
    return of


def names(nodes: Iterable[ast.AST]) -> set[str]:
    """All plain names in them."""
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def attributes(node: ast.AST) -> set[str]:
    """What is read of anything: `model` in `params.model()`."""
    return {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}


def passed_on(package: Package, nodes: Iterable[ast.AST]) -> set[str]:
    """Those names in them that the package itself passes on."""
    return {name for name in names(nodes) if name in package.imports or name in package.values}
