"""What the settings tests share: text in, Settings or the list of problems out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from notifier.domain.errors import ConfigError
from notifier.settings import Settings, load

LoadText = Callable[..., Settings]
Wrong = Callable[..., list[str]]


@pytest.fixture
def load_text(tmp_path: Path) -> LoadText:
    """Settings from a file `n.yaml` with this text."""

    def load_it(text: str | bytes, environ: Mapping[str, str] | None = None) -> Settings:
        file = tmp_path / "n.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(str(file), environ or {})

    return load_it


@pytest.fixture
def wrong(load_text: LoadText, tmp_path: Path) -> Wrong:
    """The problems of a file with this text, as `notifier check` shows them from the file's own folder."""

    def problems(text: str | bytes, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as refused:
            load_text(text, environ)
        assert str(refused.value).splitlines() == [str(problem) for problem in refused.value.problems]
        return [str(problem).removeprefix(f"{tmp_path}/") for problem in refused.value.problems]

    return problems
