"""What may not stand in code that ships, found in its source: ways from data to code, and ways to open an archive.

Names are followed through imports and aliases. Who hides a call on purpose gets past any such search: it keeps
mistakes out, and a review has to keep out the rest.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

BANNED_MODULES = {
    *("pickle", "_pickle", "cPickle", "shelve", "marshal", "dill", "cloudpickle", "joblib", "jsonpickle"),
    *("code", "codeop", "imp", "runpy", "builtins"),
}
BANNED_NAMES = {
    *("eval", "exec", "compile", "__import__", "__builtins__"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("asyncio.create_subprocess_shell", "asyncio.subprocess.create_subprocess_shell"),
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load"),
    *("yaml.full_load_all", "yaml.Loader", "yaml.UnsafeLoader", "yaml.FullLoader", "yaml.YAMLObject"),
    *("yaml.CLoader", "yaml.CUnsafeLoader", "yaml.CFullLoader", "yaml.dump", "yaml.dump_all"),
    *("pandas.read_pickle", "numpy.load", "shutil.unpack_archive", "shutil.register_unpack_format"),
    *("importlib.util.spec_from_file_location", "importlib.machinery.SourceFileLoader", "pydoc.locate"),
    *("logging.config.listen", "logging.config.fileConfig", "pandas.eval"),
}
BANNED_METHODS = {"extractall", "unpack_archive", "enable_load_extension", "load_extension", "to_pickle", "read_pickle"}
ARCHIVES = {"tarfile", "zipfile", "gzip", "bz2", "lzma", "zlib", "zipimport", "py7zr", "rarfile", "libarchive"}


def dangers(source: str) -> list[str]:
    """Ways from stored or received data to running code, each by the name that is banned; sorted."""
    tree = ast.parse(source)
    origins = dict(_origins(tree))
    found = {name for name in origins.values() if name.split(".")[0] in BANNED_MODULES or name in BANNED_NAMES}
    for node in ast.walk(tree):
        found |= set(_in_node(node, origins))
    return sorted(found)


def archives(source: str) -> list[str]:
    """Modules that open archives or unpack what is packed, and calls that ask an engine for one; sorted."""
    calls = {"get_archive", "put_archive"}
    if not any(word in source for word in ARCHIVES | calls):
        return []
    tree = ast.parse(source)
    found = {name.split(".")[0] for _, name in _origins(tree)} & ARCHIVES
    return sorted(
        found | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in calls}
    )


def is_python(path: Path) -> bool:
    """Whether a file is Python by its name or by its first line."""
    if path.suffix:
        return path.suffix == ".py"
    return path.is_file() and b"python" in path.read_bytes()[:80].partition(b"\n")[0]


def _origins(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Each name that an absolute import binds, and what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
                yield f"import {alias.name}", alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def _in_node(node: ast.AST, origins: dict[str, str]) -> Iterator[str]:
    name = _dotted(node, origins)
    if name is not None and (name in BANNED_NAMES or name.removeprefix("builtins.") in BANNED_NAMES):
        yield name.removeprefix("builtins.")
    if isinstance(node, ast.Attribute) and node.attr in BANNED_METHODS and name not in BANNED_NAMES:
        yield node.attr
    if isinstance(node, ast.Call):
        yield from _in_call(node, origins)


def _in_call(node: ast.Call, origins: dict[str, str]) -> Iterator[str]:
    for key in node.keywords:
        if key.arg == "shell" and not _is_false(key.value):
            yield "shell=True"
        if key.arg == "allow_pickle" and not _is_false(key.value):
            yield "allow_pickle"
        if key.arg is None and isinstance(key.value, ast.Dict):
            pairs = zip(key.value.keys, key.value.values, strict=True)
            if any(
                isinstance(one, ast.Constant) and one.value == "shell" and not _is_false(value) for one, value in pairs
            ):
                yield "shell=True"
    by_name = isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) > 1
    if by_name and isinstance(node.args[0], ast.Name) and node.args[0].id in origins:
        wanted = node.args[1]
        name = f"{origins[node.args[0].id]}.{wanted.value!s}" if isinstance(wanted, ast.Constant) else None
        if name is None:
            yield f"getattr({node.args[0].id}, …)"
        elif name in BANNED_NAMES:
            yield name


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _dotted(node: ast.AST, origins: dict[str, str]) -> str | None:
    """The whole name that is read here, by what it was imported as."""
    if isinstance(node, ast.Name):
        return origins.get(node.id, node.id) if isinstance(node.ctx, ast.Load) else None
    if isinstance(node, ast.Attribute):
        above = _dotted(node.value, origins)
        return None if above is None else f"{above}.{node.attr}"
    return None
