"""Keys of models, and secrets read from files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path as File
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from notifier.domain.errors import Problem
from notifier.settings.document import MISSING, Path, SourceFile, redacted_name
from notifier.settings.values import ScalarForm, expect

LARGEST_SECRET = 64 * 1024
CREDENTIALS = "/run/credentials/"
_COMPOSED: tuple[Any, ...] = (Annotated, Union, UnionType)


@cache
def keys_of(model: type[BaseModel] | None) -> frozenset[str]:
    """All keys of a model, including `x_file`."""
    if model is None:
        return frozenset()
    names = frozenset(field.alias or name for name, field in model.model_fields.items())
    return names | {f"{name}_file" for name in names if is_secret(model, (name,))}


def is_secret(model: type[BaseModel], path: Path) -> bool:
    """Whether the key at this path holds one or several secrets, and `x_file` is not itself a key there."""
    *above, name = path
    around = model_at(model, tuple(above))
    is_own = isinstance(name, str) and around is not None and any(_types_at(around, (f"{name}_file",)))
    return isinstance(name, str) and not is_own and any(map(_holds_secret, _types_at(model, path)))


def model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model of the mapping at this path, or None."""
    return next((kind for kind in _types_at(model, path) if _is(kind, BaseModel)), None)


def _types_at(annotation: Any, path: Path) -> Iterator[Any]:
    """The possible types of a value at this path, with unions expanded. Annotations are kept only for scalars."""
    base = get_origin(annotation) or annotation
    if not isinstance(base, type) or base in _COMPOSED:
        notes = getattr(annotation, "__metadata__", ())
        if not path and any(isinstance(note, ScalarForm) for note in notes):
            yield annotation
        for argument in get_args(annotation)[: 1 if notes else None]:
            yield from _types_at(argument, path)
    elif not path:
        yield annotation
    else:
        for below in _below(annotation, base, path[0]):
            yield from _types_at(below, path[1:])


def _below(annotation: Any, base: type, step: str | int) -> Iterator[Any]:
    if issubclass(base, BaseModel):
        for name, field in base.model_fields.items():
            if (field.alias or name) == step:
                yield Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    elif issubclass(base, Mapping):
        yield from get_args(annotation)[1:] if isinstance(step, str) else ()
    elif issubclass(base, Collection):
        yield from get_args(annotation) if isinstance(step, int) else ()


def _holds_secret(annotation: Any) -> bool:
    notes = getattr(annotation, "__metadata__", ())
    if any(isinstance(note, ScalarForm) and note.schema.get("writeOnly") for note in notes):
        return True
    inner = () if _is(annotation, Mapping) else get_args(annotation)
    return _is(annotation, SecretStr, SecretBytes, Secret) or any(map(_holds_secret, inner))


def _is(annotation: Any, *classes: type) -> bool:
    base = get_origin(annotation) or annotation
    return isinstance(base, type) and issubclass(base, classes)


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """Reads secrets from the files that a configuration names, relative to its folder.

    `is_secret` says which paths may hold secrets; other keys that end in `_file` are left alone.
    """

    source: SourceFile
    problems: set[Problem]
    is_secret: Callable[[Path], bool]

    def read(self, value: Any, path: Path = ()) -> Any:
        """The value with `x` in place of each secret's `x_file`, at every depth."""
        if isinstance(value, list):
            return [self.read(item, (*path, index)) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        files = {key.removesuffix("_file"): key for key in value if self._is_file(value, key, path)}
        others = [
            key for key in value if key not in files.values() and (value[key] is not None or key not in files)
        ]
        read = {key: self.read(value[key], (*path, key)) for key in others}
        for name, key in files.items():
            if name in read:
                sentence = f"{redacted_name(name)} is set as well: keep one of the two"
                self.problems.add(self.source.problem((*path, key), sentence, at_key=True))
            else:
                read[name] = self._secret(value[key], (*path, key))
        return read

    def _is_file(self, value: Mapping[str, Any], key: str, path: Path) -> bool:
        name = key.removesuffix("_file")
        return value[key] is not None and name not in {key, ""} and self.is_secret((*path, name))

    def _secret(self, value: Any, path: Path) -> Any:
        """The contents of the file with this name, or of each file in a list."""
        if isinstance(value, list):
            return [self._secret(item, (*path, index)) for index, item in enumerate(value)]
        if value is MISSING:
            return MISSING
        try:
            return _secret_in(File(self.source.file).parent, value)
        except ValueError as error:
            self.problems.add(self.source.problem(path, str(error)))
            return MISSING


def _secret_in(folder: File, name: object) -> str:
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError("expected the path of a file that holds the secret")
    try:
        with (folder / name).open("rb") as file:
            data = file.read(LARGEST_SECRET + 1)
        text = data.decode("utf-8-sig").rstrip("\r\n")
    except OSError as error:
        reason = error.strerror or "no reason given"
        hint = ": systemd shows it to the service alone" if name.startswith(CREDENTIALS) else ""
        raise ValueError(f"the secret file cannot be read ({reason}){hint}") from None
    except UnicodeDecodeError:
        raise ValueError("the secret file is not UTF-8 text; is it the right one?") from None
    too_large = f"the secret file is larger than {LARGEST_SECRET // 1024} KiB; is it the right one?"
    expect(len(data) <= LARGEST_SECRET, too_large)
    expect(text.strip(), "the secret file is empty: write the secret into it")
    return text
