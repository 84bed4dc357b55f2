"""The house rules that a machine can hold: the ladder of packages, the doors of foreign libraries, the caps on files.

What does not keep a rule yet is listed in `tests/unit/architecture_debts.py`; a list can only become shorter.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from flows.__main__ import SUMMARIES
from flows.cli.demo import EXAMPLE
from tests.unit.architecture_debts import LONG_FUNCTIONS, SAME_NAME, SMALL_FILES, WRONG_WAY, WRONG_WAY_LIBRARIES

ROOT = Path(__file__).parents[2]
LAYERS = ("miyabi", "blocks", "tasks", "flows")

LADDER: dict[str, set[str]] = {
    "errors": set(),
    "text": {"errors"},
    "pictures": {"text"},
    "system": {"text", "errors"},
    "git": {"system", "text", "errors"},
    "machines": {"system", "text", "errors"},
    "options": {"text"},
    "dag": {"machines", "options", "text", "errors"},
    "settings": {"machines", "options", "system", "text", "errors"},
    "sessions": {"git", "machines", "system", "text", "errors"},
    "github": {"git", "settings", "system", "text", "errors"},
    "claude": {"dag", "git", "machines", "sessions", "text", "errors"},
    "quota": {"settings", "system", "text", "errors"},
    "runs": {
        *("claude", "dag", "git", "machines", "options", "quota", "sessions", "settings"),
        *("system", "text", "errors"),
    },
    "integration": {"claude", "dag", "git", "runs", "sessions", "settings", "system", "text", "errors"},
    "attempts": {"claude", "git", "machines", "runs", "sessions", "system", "text", "errors"},
    "reports": {"dag", "integration", "pictures", "runs", "sessions", "system", "text", "errors"},
    "notify": {"reports", "runs", "settings", "system", "text", "errors"},
    "pull_requests": {"github", "integration", "notify", "reports", "runs", "sessions", "settings", "text", "errors"},
    "views": {
        *("pull_requests", "integration", "reports", "runs", "sessions", "settings"),
        *("dag", "machines", "text", "errors"),
    },
    "doctor": {"views", "runs", "claude", "sessions", "machines", "text", "errors"},
    "tending": {
        *("pull_requests", "integration", "runs", "github", "sessions"),
        *("claude", "dag", "git", "system", "text", "errors"),
    },
    "milestones": {
        *("pull_requests", "reports", "integration", "runs", "github", "sessions"),
        *("dag", "settings", "machines", "system", "text", "errors"),
    },
    "tasks.concurrency": {"miyabi", "blocks"},
    "tasks.runner": {"tasks.concurrency", "miyabi", "blocks"},
    "tasks": {"tasks.runner", "tasks.concurrency", "miyabi", "blocks"},
    "blocks": {"miyabi"},
    "flows.steps": {"tasks", "tasks.runner", "tasks.concurrency", "blocks", "miyabi"},
    "flows": {"flows.steps", "tasks", "tasks.runner", "tasks.concurrency", "blocks", "miyabi"},
    "flows.cli": {"flows", "flows.steps", "tasks", "tasks.runner", "tasks.concurrency", "blocks", "miyabi"},
}
"""What each package may import besides itself. From the ground up: a package imports only what stands above it here."""

DOORS: dict[str, tuple[str, ...]] = {
    "click": ("flows/__main__.py", "flows/cli/"),
    "rich": ("flows/cli/",),
    "httpx": ("tasks/", "flows/cli/", "miyabi/github/transport.py"),
    "prefect_shell": ("tasks/verify.py",),
    "pydantic": ("miyabi/", "blocks/", "flows/parameters.py"),
    "apprise": ("miyabi/notify/",),
    "asyncssh": ("miyabi/machines/ssh/",),
    "githubkit": ("miyabi/github/transport.py",),
    "jwt": ("miyabi/github/transport.py",),
    "yaml": ("miyabi/dag/", "flows/automations.py"),
    "markdown_it": ("miyabi/text/commonmark.py",),
    "pydantic_settings": ("miyabi/settings/",),
    "jinja2": ("miyabi/text/",),
    "markupsafe": ("miyabi/text/",),
    "prefect": ("blocks/", "tasks/", "flows/"),
    "subprocess": ("miyabi/system/", "flows/cli/server_process.py"),
    "fcntl": ("miyabi/system/",),
    "urllib.request": ("miyabi/git/remote/client.py", "flows/cli/local_server.py", "flows/cli/proxies.py"),
    "http": ("miyabi/git/remote/client.py", "flows/cli/local_server.py"),
}
"""Where each foreign library may be imported, and those of Python's that start processes, lock or ask servers."""

WITHOUT_IMPORT: dict[str, tuple[str, ...]] = {
    r"\b(import_module|__import__|runpy|importlib\.(util|machinery))\b": ("flows/__main__.py",),
    r"\b(create_subprocess_\w+|subprocess_(exec|shell)|os\.system|posix_spawnp?|(exec|spawn)[lv]\w*|popen)\b": (
        "miyabi/system/",
    ),
}
"""Words by which a module is imported, or a process started, that the rules about imports do not see; and where."""

LIGHT = ("miyabi", "miyabi.text", "miyabi.system")
LONGEST_FILE = 400
LONGEST_BODY = 25
SMALL_FILE = 60

SOURCES = sorted(p for layer in LAYERS for p in (ROOT / layer).rglob("*.py"))

FIXTURE = re.compile(r"^ *@pytest\.fixture\b.*\n(?: *@.*\n)*(?: *async)? *def (\w+)", re.MULTILINE)

TEMPLATES = sorted((ROOT / "miyabi").rglob("*.jinja"))
TEMPLATE_NAME = re.compile(r'"([\w/.]+\.jinja)"')


def name(source: Path) -> str:
    """The file's path from the root."""
    return str(source.relative_to(ROOT))


def module(source: Path) -> str:
    """The file's name in an import."""
    return name(source).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {module(source): name(source) for source in SOURCES}


def package(dotted: str) -> str:
    """The rung of the ladder that a module stands on; `flows.__main__` is the command line's."""
    first, *rest = dotted.split(".")
    if first == "miyabi":
        return rest[0] if rest else "miyabi"
    if dotted == "flows.__main__":
        return "flows.cli"
    return f"{first}.{rest[0]}" if rest and f"{first}.{rest[0]}" in LADDER else first


@cache
def tree(source: Path) -> ast.Module:
    """The file, parsed."""
    return ast.parse(source.read_text(encoding="utf-8"))


def statements(above: ast.AST) -> Iterator[ast.AST]:
    """All statements below, in functions and under `if TYPE_CHECKING` too, and none of the many more expressions."""
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for node in getattr(above, part, ()):
            yield node
            yield from statements(node)


@cache
def imported(source: Path) -> frozenset[str]:
    """The modules that a file imports, wherever in the file."""
    return frozenset(_imported(tree(source)))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "no relative imports"
            assert node.module
            for alias in node.names:
                yield behind(node.module, alias.name)


@cache
def door(dotted: str) -> dict[str, str]:
    """Name by name, from which module a package's door exports it."""
    file = ROOT / dotted.replace(".", "/") / "__init__.py"
    return {
        alias.name: below if (below := f"{node.module}.{alias.name}") in MODULES else node.module
        for node in (tree(file).body if file.exists() else ())
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def behind(dotted: str, name: str) -> str:
    """The module that an import reaches, through a door as well."""
    below = f"{dotted}.{name}"
    return door(dotted).get(name) or (below if below in MODULES else dotted)


def rung(dotted: str, *, own: str) -> str:
    """Where a module stands, seen from a package: from above, all of `miyabi` is one."""
    is_above = own.partition(".")[0] in LAYERS[1:]
    return "miyabi" if is_above and dotted.partition(".")[0] == "miyabi" else package(dotted)


def wrong_way(source: Path) -> set[str]:
    """The packages that a file imports and must not."""
    own = package(module(source))
    ours = {rung(each, own=own) for each in imported(source) if each.split(".")[0] in LAYERS}
    return ours - LADDER.get(own, set()) - {own}


def importers() -> dict[str, set[str]]:
    """By whom each of our files is imported, doors left out."""
    found: dict[str, set[str]] = {file: set() for file in MODULES.values()}
    for source in SOURCES:
        for each in imported(source) & set(MODULES) if source.name != "__init__.py" else ():
            found[MODULES[each]].add(name(source))
    return found


def lines(file: str) -> int:
    """How long a file is."""
    return (ROOT / file).read_text(encoding="utf-8").count("\n")


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How long a function's body is, its docstring left out."""
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno else 0


def long_functions(source: Path) -> Iterator[str]:
    """`file: function` for each that is too long."""
    for node in statements(tree(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > LONGEST_BODY:
            yield f"{name(source)}: {node.name}"


def test_there_are_sources() -> None:
    """The rules below look at real files, and at all of the ladder."""
    assert {package(module(p)) for p in SOURCES} - {"miyabi"} == set(LADDER)
    assert {p.name for p in (ROOT / "miyabi").glob("*.py")} == {"__init__.py", "errors.py"}


def test_the_ladder_has_no_way_up() -> None:
    """A package imports only what stands above it in the table: then nothing goes in a circle."""
    seen = {"miyabi"}
    for rung, allowed in LADDER.items():
        if rung == "blocks":
            continue
        assert allowed - {"blocks"} <= seen, rung
        seen.add(rung)


def test_a_package_imports_only_what_it_may() -> None:
    """No file reaches up or beside; what does so yet is in the list, and nothing in it is mended already."""
    found = {name(source): wrong_way(source) for source in SOURCES}
    assert {source: wrong for source, wrong in found.items() if wrong} == WRONG_WAY


def in_circles(edges: set[tuple[str, str]]) -> set[str]:
    """What cannot be put in an order, each above what it imports."""
    below: dict[str, set[str]] = {}
    for above, each in edges:
        below.setdefault(above, set()).add(each)
    while free := {each for each in below if not below[each] & set(below) - {each}}:
        below = {each: rest for each, rest in below.items() if each not in free}
    return set(below)


def test_no_two_import_each_other() -> None:
    """Drawn by imports there is no circle, neither of packages nor of files."""
    files = {(module(s), each) for s in SOURCES if s.name != "__init__.py" for each in imported(s) & set(MODULES)}
    assert in_circles(files) == set()
    assert in_circles({(package(above), package(each)) for above, each in files}) == set()


@pytest.mark.parametrize("library", DOORS)
def test_a_library_has_one_door(library: str) -> None:
    """A foreign library is known to one package, and that one uses it."""
    found = {
        name(source) for source in SOURCES if any(f"{each}.".startswith(f"{library}.") for each in imported(source))
    }
    debts = {file for file, libraries in WRONG_WAY_LIBRARIES.items() if library in libraries}
    assert {file for file in found if not file.startswith(DOORS[library])} == debts
    assert found - debts


def test_no_library_comes_in_without_a_door() -> None:
    """Whatever is imported is ours, Python's, or has its door in the table."""
    found = {each.split(".")[0] for source in SOURCES for each in imported(source)}
    assert found - {*LAYERS, *sys.stdlib_module_names, *DOORS} == set()


@pytest.mark.parametrize("words", WITHOUT_IMPORT)
def test_nothing_goes_past_the_rules_about_imports(words: str) -> None:
    """A module is imported by a statement, a process started by our one spawner; the table says who else may."""
    found = {name(source) for source in SOURCES if re.search(words, source.read_text(encoding="utf-8"))}
    assert found
    assert not [file for file in found if not file.startswith(WITHOUT_IMPORT[words])]


def test_a_template_is_rendered_by_the_package_it_stands_in() -> None:
    """Each is named by code beside it, or by a template that may know its package; none is there for nothing."""
    used: set[Path] = set()
    for user in [*SOURCES, *TEMPLATES]:
        own = package(module(user.with_suffix(".py")))
        for named in TEMPLATE_NAME.findall(user.read_text(encoding="utf-8")):
            template = ROOT / "miyabi" / named
            of = template.parent.name
            assert of == own or (user in TEMPLATES and of in LADDER[own]), name(user)
            used.add(template)
    assert used == set(TEMPLATES)


def test_what_runs_without_site_packages_is_light() -> None:
    """The guarded command is started without site-packages: these import the standard library alone, and stay."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {', '.join(LIGHT)}"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True)


def test_a_file_holds_one_idea() -> None:
    """No file is longer than 400 lines."""
    every = [*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
    assert {name(p): lines(name(p)) for p in every if lines(name(p)) > LONGEST_FILE} == {}


def test_a_small_file_has_a_reason() -> None:
    """A file under 60 lines with a single importer belongs to that one, or the list says why not; so with none."""
    small = {
        file
        for file, users in importers().items()
        if lines(file) < SMALL_FILE and len(users) <= 1 and not file.endswith("/__init__.py")
    }
    assert small == set(SMALL_FILES)
    assert all(SMALL_FILES.values())


def test_each_file_is_used() -> None:
    """What no file imports is begun by its name: a command, or what prefect.yaml deploys or runs."""
    begun = (ROOT / "prefect.yaml").read_text(encoding="utf-8")
    commands = {"flows/__main__.py", *(f"flows/cli/{command}.py" for command in SUMMARIES)}
    started = {file for dotted, file in MODULES.items() if f"{dotted}." in begun}
    unused = {file for file, users in importers().items() if not users and not file.endswith("/__init__.py")}
    assert unused - commands - started == set()


def test_a_function_is_short() -> None:
    """No function's body is longer than 25 lines, but for those of the list, which can only become shorter."""
    assert sorted(each for source in SOURCES for each in long_functions(source)) == sorted(LONG_FUNCTIONS)


def test_each_folder_is_a_package_that_says_what_it_is() -> None:
    """Every folder with sources has an `__init__.py` with a docstring, and every test folder is a package."""
    folders = {p.parent for p in SOURCES}
    assert not [name(p) for p in folders if not ast.get_docstring(tree(p / "__init__.py"))]
    tested = {p.parent for p in (ROOT / "tests").rglob("test_*.py") if "cases" not in p.parts}
    assert not [name(p) for p in tested if not (p / "__init__.py").exists()]
    supports = {p.parent for p in (ROOT / "tests" / "support").rglob("*.py")}
    assert not [name(p) for p in supports if not ast.get_docstring(tree(p / "__init__.py"))]


def public_classes(source: Path) -> Iterator[str]:
    """The classes that a file defines and others may name."""
    for node in statements(tree(source)):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def test_a_class_has_a_name_of_its_own() -> None:
    """One name, one meaning: no two public classes have one name, but for those that the list has a reason for."""
    found = Counter(each for source in SOURCES for each in public_classes(source))
    assert {each for each, number in found.items() if number > 1} == set(SAME_NAME)
    assert all(SAME_NAME.values())


def test_a_fixture_has_a_name_of_its_own() -> None:
    """What a test asks for is one thing in all tests: no two fixtures have one name."""
    tests = [p for p in (ROOT / "tests").rglob("*.py") if "cases" not in p.parts]
    found = Counter(name for each in tests for name in FIXTURE.findall(each.read_text(encoding="utf-8")))
    assert len(found) > 50
    assert {name: number for name, number in found.items() if number > 1} == {}


def test_all_of_it_is_installed() -> None:
    """Packages are found, not listed; every file that is no module is package data, and so is the demo's DAG."""
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert setuptools["packages"]["find"]["include"] == sorted(
        (f"{layer}*" for layer in LAYERS), key=["miyabi*", "blocks*", "tasks*", "flows*"].index
    )
    shipped = {
        file
        for package, patterns in setuptools["package-data"].items()
        for pattern in patterns
        for file in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    below = [p for layer in LAYERS for p in (ROOT / layer).rglob("*")]
    every = {p for p in below if p.is_file() and p.suffix not in {".py", ".pyc"}}
    assert shipped == every
    assert EXAMPLE in shipped
    assert EXAMPLE.resolve() == ROOT / "examples" / "tasks.json"


def test_the_oldest_prefect_is_the_one_that_is_tested() -> None:
    """`make test-oldest` pins the lowest Prefect that may be installed; what it pins differs from the other pins."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    (lowest,) = [each.removeprefix("prefect>=").split(",")[0] for each in wanted if each.startswith("prefect>=")]
    pins = {name: set((ROOT / name).read_text().splitlines()) for name in ("constraints.txt", "constraints-oldest.txt")}
    assert f"prefect=={lowest}" in pins["constraints-oldest.txt"]
    assert not pins["constraints-oldest.txt"] & pins["constraints.txt"]
