"""Write `tgbot/sandbox/layers/api.tl`: the definitions of Telegram's layers, out of releases of libraries.

Run by `make layers`. It downloads the releases that `schemas.toml` pins by their hashes; the same releases
give the same bytes. A definition counts only if its constructor id is the CRC32 of its text. So a typing
error or an invention of a library's author is left out, and reported.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from urllib.request import Request, urlopen

HERE = Path(__file__).parent
WRITTEN = HERE.parent / "tgbot/sandbox/layers/api.tl"
_SECTIONS = ("types", "functions")
_LINE = re.compile(
    r"(?P<name>[\w.]+)#(?P<id>[0-9a-f]{1,8})(?P<arguments>(?: \w+:[\w.<>!?#]+)*) = (?P<result>[\w.<>]+);"
)
#: Types of the language itself; some releases list them.
_CORE = {"boolFalse", "boolTrue", "true", "null", "error", "vector"}
_FLAG = re.compile(r" (\w+):(\w+)\.(\d+)\?true(?= |$)")


@dataclass(frozen=True)
class Release:
    """A release of a library that carries the schema of one layer."""

    layer: int
    registry: str
    file: str
    sha256: str


@dataclass(frozen=True)
class Definition:
    section: str
    name: str
    number: int  #: the constructor id
    arguments: str  #: each with a space in front
    result: str

    @property
    def bare(self) -> str:
        """The text without its id and its true flags: what the wire and the id depend on."""
        return f"{self.name}{_FLAG.sub('', self.arguments)} = {self.result}"

    @property
    def genuine(self) -> bool:
        """Whether the id is the CRC32 that Telegram computes from the text."""
        text = re.sub(r"([:?])bytes(?= )", r"\1string", self.bare)
        return zlib.crc32(text.replace("<", " ").replace(">", "").encode()) == self.number

    @property
    def flags(self) -> list[tuple[str, str, int]]:
        """The true flags: their names, the fields that hold them, and their bits."""
        return [(name, field, int(bit)) for name, field, bit in _FLAG.findall(self.arguments)]


def main() -> int:
    """Download the releases and write the definitions; return the exit status."""
    pinned = tomllib.loads((HERE / "schemas.toml").read_text("utf-8"))["releases"]
    releases = [Release(**entry) for entry in pinned]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(4) as pool:
        archives = list(pool.map(lambda release: download(release, Path(folder)), releases))
    layers: dict[int, list[Definition]] = {}
    for release, archive in zip(releases, archives, strict=True):
        found = list(definitions(schema(archive)))
        layers[release.layer] = genuine = [each for each in found if each.genuine]
        left_out = [each.name for each in found if not each.genuine]
        if left_out:
            print(f"layer {release.layer}: left out, the id is not that of the text: {' '.join(left_out)}")
        names = [(each.section, each.name) for each in genuine]
        if len(set(names)) != len(names):
            raise SystemExit(f"{release.file} defines a name twice")
    text = write(layers)
    WRITTEN.write_text(text, "utf-8")
    print(f"{WRITTEN.name}: {len(layers)} layers, {text.count(';')} definitions, {len(text)} bytes")
    return 0


# --- what is downloaded


def download(release: Release, folder: Path) -> bytes:
    """Return the release's archive; raise SystemExit if it has another hash."""
    archive = _from_npm(release.file, folder) if release.registry == "npm" else _from_pypi(release.file)
    if hashlib.sha256(archive).hexdigest() != release.sha256:
        raise SystemExit(f"{release.file} does not have the hash in schemas.toml")
    return archive


def _from_npm(release: str, folder: Path) -> bytes:
    into = Path(tempfile.mkdtemp(dir=folder))
    command = ["npm", "pack", "--silent", f"--pack-destination={into}", release]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (archive,) = into.iterdir()
    return archive.read_bytes()


def _from_pypi(file: str) -> bytes:
    # pip itself would run the release's setup.py to download its source.
    package = file.rpartition("-")[0].lower()
    address = _files(package).get(file)
    if address is None:
        raise SystemExit(f"{file} is not on the package index")
    return _get(address, "*/*")


@cache
def _files(package: str) -> dict[str, str]:
    """Return the addresses of a package's files by name."""
    address = f"{_index().rstrip('/')}/{package}/"
    page = json.loads(_get(address, "application/vnd.pypi.simple.v1+json"))
    return {found["filename"]: urljoin(address, found["url"]) for found in page["files"]}


@cache
def _index() -> str:
    """Return the address of the package index that pip uses."""
    configured = os.environ.get("PIP_INDEX_URL")
    if not configured:
        command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
        configured = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    if not configured:
        from pip._internal.models.index import PyPI  # pip has no public name for its default

        configured = PyPI.simple_url
    return configured


def _get(address: str, accept: str) -> bytes:
    with urlopen(Request(address, headers={"Accept": accept}), timeout=120) as answer:
        return bytes(answer.read())


# --- what is read


def schema(archive: bytes) -> str:
    """Return the text of the schema in an archive of any of the libraries."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for name in files.getnames():
            if name.endswith(("/source/main_api.tl", "/tl/apiTl.js", "/api-schema.json")):
                held = files.extractfile(name)
                assert held is not None, "the schema is a file"
                text = held.read().decode()
                return _from_json(json.loads(text)) if name.endswith(".json") else text
    raise SystemExit("a release has no schema")


def _from_json(entries: Mapping[str, Any]) -> str:  # Any: JSON
    """Return mtcute's form of a schema as TL."""
    lines: dict[str, list[str]] = {"types": [], "functions": []}
    for entry in entries["e"]:
        section = "functions" if entry["kind"] == "method" else "types"
        arguments = "".join(f" {each['name']}:{_kind(each)}" for each in entry["arguments"])
        result = _kind({**entry, "typeModifiers": entry.get("typeModifiers", {})})
        lines[section].append(f"{entry['name']}#{entry['id'] & 0xFFFFFFFF:x}{arguments} = {result};")
    return "\n".join(f"---{section}---\n" + "\n".join(found) for section, found in lines.items())


def _kind(entry: Mapping[str, Any]) -> str:
    modifiers = entry.get("typeModifiers", {})
    kind = {"int53": "long"}.get(entry["type"], entry["type"])
    if modifiers.get("isVector"):
        kind = f"Vector<{kind}>"
    predicate = modifiers.get("predicate")
    return f"{predicate}?{kind}" if predicate else str(kind)


def definitions(text: str) -> Iterator[Definition]:
    """Yield the definitions in a schema; those of methods around other methods are the same in all layers."""
    section = "types"
    for line in text.splitlines():
        if line.startswith("---"):
            section = line.strip("- ")
            continue
        match = _LINE.match(line)
        if match is not None and match["name"] not in _CORE and "!X" not in line:
            if match["name"].startswith("mtcute."):
                continue  # types of the library's own
            arguments = re.sub(r"([:?<])vector<", r"\1Vector<", match["arguments"])
            yield Definition(section, match["name"], int(match["id"], 16), arguments, match["result"])


# --- what is written


def write(layers: Mapping[int, list[Definition]]) -> str:
    """Return the text of `api.tl`: each definition once, after the layers that have it."""
    held: dict[int, dict[int, Definition]] = defaultdict(dict)
    for layer, found in layers.items():
        for each in found:
            held[each.number][layer] = each
    lines: dict[str, list[tuple[str, int, str]]] = {section: [] for section in _SECTIONS}
    for number, by_layer in held.items():
        each = _merged(by_layer)
        text = f"{spans(sorted(layers), by_layer)} {each.name}#{number:08x}{each.arguments} = {each.result};"
        lines[each.section].append((each.name, -max(by_layer), text))
    listed = " ".join(map(str, sorted(layers)))
    parts = [
        f"// Layers: {listed}",
        "// Written by `make layers`. Before each definition are the layers that have it.",
    ]
    for section in _SECTIONS:
        parts += [f"---{section}---", *(text for _, _, text in sorted(lines[section]))]
    return "\n".join(parts) + "\n"


def spans(listed: list[int], having: Mapping[int, object]) -> str:
    """Return the layers in `having` as spans over the listed ones, such as "150-165,169"."""
    runs: list[list[int]] = []
    follows = dict(zip(listed[1:], listed, strict=False))
    for layer in sorted(having):
        if runs and follows.get(layer) == runs[-1][-1]:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _merged(by_layer: Mapping[int, Definition]) -> Definition:
    """Return one definition for an id: the newest, and the true flags that only older layers have.

    Flags are not part of an id. A client passes over those that it does not know.
    """
    newest = by_layer[max(by_layer)]
    arguments = newest.arguments
    bits = {(field, bit): name for name, field, bit in newest.flags}
    for layer in sorted(by_layer, reverse=True):
        each = by_layer[layer]
        if (each.bare, each.section) != (newest.bare, newest.section):
            raise SystemExit(
                f"{each.name}#{each.number:08x} means two things, in {layer} and {max(by_layer)}"
            )
        for name, field, bit in each.flags:
            known = bits.setdefault((field, bit), name)
            if known != name:
                print(f"{each.name}: {field}.{bit} is {name} in layer {layer}, and {known} later")
            elif f" {name}:{field}.{bit}?true" not in arguments:
                arguments = arguments.replace(f" {field}:#", f" {field}:# {name}:{field}.{bit}?true", 1)
    return Definition(newest.section, newest.name, newest.number, arguments, newest.result)


if __name__ == "__main__":
    sys.exit(main())
