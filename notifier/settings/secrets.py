"""Keys at a path of a model: which there are, and which are secrets. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from notifier.settings.values import ScalarForm

Path = tuple[str | int, ...]


def is_secret(model: type[BaseModel], path: Path) -> bool:
    """Whether the key at this path holds a secret, or a list of them, and `x_file` is no key of its own there."""
    *above, name = path
    if not isinstance(name, str):
        return False
    around = model_at(model, tuple(above))
    if around is not None and _annotation(around, f"{name}_file") is not None:
        return False
    field = None if around is None else _field(around, name)
    notes = () if field is None else field.metadata
    marked = any(isinstance(note, ScalarForm) and note.schema.get("writeOnly") for note in notes)
    return marked or any(map(_holds_secret, _at(model, path)))


@cache
def keys_at(model: type[BaseModel], path: Path) -> frozenset[str]:
    """Every key that may be written in the mapping at this path, `x_file` included."""
    around = model_at(model, path)
    if around is None:
        return frozenset()
    names = frozenset(field.alias or name for name, field in around.model_fields.items())
    return names | {f"{name}_file" for name in names if is_secret(around, (name,))}


def model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model that describes the mapping at this path, if one does."""
    return next((one for one in _at(model, path) if _is_model(one)), None)


def _at(annotation: Any, path: Path) -> list[Any]:
    """The types that a value at this path may have."""
    found = list(_alternatives(annotation))
    for step in path:
        found = [inner for one in found for below in _below(one, step) for inner in _alternatives(below)]
    return found


def _alternatives(annotation: Any) -> Iterator[Any]:
    """Members of a union, or the type under notes; a class and a collection stand for themselves."""
    if _class(annotation) is not None:
        yield annotation
        return
    for argument in get_args(annotation):
        yield from _alternatives(argument)


def _class(annotation: Any) -> type[Any] | None:
    base = get_origin(annotation) or annotation
    return base if isinstance(base, type) and base not in {Annotated, Union, UnionType} else None


def _below(annotation: Any, step: str | int) -> Iterator[Any]:
    base = _class(annotation)
    if _is_model(annotation):
        found = _annotation(annotation, step)
        if found is not None:
            yield found
    elif base is not None and issubclass(base, Mapping):
        yield from get_args(annotation)[1:] if isinstance(step, str) else ()
    elif base is not None and issubclass(base, Collection):
        yield from get_args(annotation) if isinstance(step, int) else ()


def _field(model: type[BaseModel], name: str | int) -> FieldInfo | None:
    fields = model.model_fields.items()
    return next((field for own, field in fields if (field.alias or own) == name), None)


def _annotation(model: type[BaseModel], name: str | int) -> Any:
    field = _field(model, name)
    return None if field is None else field.annotation


def _holds_secret(annotation: Any) -> bool:
    base = _class(annotation)
    if base is not None and issubclass(base, SecretStr | SecretBytes | Secret):
        return True
    is_list = base is None or (issubclass(base, Collection) and not issubclass(base, Mapping))
    return is_list and any(map(_holds_secret, get_args(annotation)))


def _is_model(annotation: Any) -> bool:
    base = _class(annotation)
    return base is not None and issubclass(base, BaseModel)
