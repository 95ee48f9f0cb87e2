"""Which keys of a kind's settings are secrets, by the types of its model. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

Path = tuple[str | int, ...]


def is_secret(model: type[BaseModel], path: Path) -> bool:
    """Whether the key at this path holds a secret, or a list of them, and `x_file` is no key of its own there."""
    *above, name = path
    if not isinstance(name, str):
        return False
    around = model_at(model, tuple(above))
    if around is not None and _annotation(around, f"{name}_file") is not None:
        return False
    return any(map(_holds_secret, _at(model, path)))


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
    """What a union, or a type with notes, consists of; a class and a collection stand for themselves."""
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


def _annotation(model: type[BaseModel], name: str | int) -> Any:
    fields = model.model_fields.items()
    return next((one.annotation for own, one in fields if (one.alias or own) == name), None)


def _holds_secret(annotation: Any) -> bool:
    base = _class(annotation)
    if base is not None and issubclass(base, SecretStr | SecretBytes | Secret):
        return True
    is_list = base is None or (issubclass(base, Collection) and not issubclass(base, Mapping))
    return is_list and any(map(_holds_secret, get_args(annotation)))


def _is_model(annotation: Any) -> bool:
    base = _class(annotation)
    return base is not None and issubclass(base, BaseModel)
