"""`notifier completion bash|zsh|fish`: a completion script with the commands, options and choices."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from notifier.cli.options import Arguments, Parser, Run, Subparsers, command
from notifier.cli.session import CommandSession, Exit

SHELLS = ("bash", "zsh", "fish")
FILES = {"FILE", "FILE|-"}

EPILOG = """\
  bash:  notifier completion bash > ~/.local/share/bash-completion/completions/notifier
  zsh:   notifier completion zsh > ~/.zfunc/_notifier        (a folder of $fpath)
  fish:  notifier completion fish > ~/.config/fish/completions/notifier.fish"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A command or option with its help. `values` are an option's choices; `takes` is whether it has a value."""

    text: str
    help: str
    takes: bool = False
    files: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandNode:
    """A command, at the path of its words: `/incidents/list`. `choices` are those of its first argument."""

    path: str
    commands: tuple[Word, ...]
    options: tuple[Word, ...]
    choices: tuple[str, ...]


def add(commands: Subparsers, top: Parser) -> None:
    parser = command(
        commands, "completion", completing(top), "print a completion script for a shell", prints=False
    )
    parser.epilog = EPILOG
    parser.add_argument("shell", choices=SHELLS)


def completing(top: Parser) -> Run:
    def run(arguments: Arguments, session: CommandSession) -> Exit:
        nodes = list(nodes_of(top))
        session.put("\n".join({"bash": bash, "zsh": zsh, "fish": fish}[arguments.shell](nodes)))
        return Exit.OK

    return run


def nodes_of(parser: argparse.ArgumentParser, path: str = "") -> Iterator[CommandNode]:
    """The command and all its subcommands."""
    below: dict[str, argparse.ArgumentParser] = {}
    helps: dict[str, str] = {}
    options: list[Word] = []
    choices: list[str] = []
    for action in parser._actions:  # noqa: SLF001 - argparse shows them nowhere else
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            below = dict(action.choices)
            helps = {entry.dest: entry.help or "" for entry in action._choices_actions}  # noqa: SLF001
        elif action.option_strings:
            options.append(_option(action))
        elif action.choices:
            choices += [str(choice) for choice in action.choices]
    names = {id(child): name for name, child in reversed(below.items())}
    words = tuple(Word(text=name, help=_help(helps, names[id(child)])) for name, child in below.items())
    yield CommandNode(path=path, commands=words, options=tuple(options), choices=tuple(choices))
    for name, child in below.items():
        yield from nodes_of(child, f"{path}/{name}")


def _help(helps: dict[str, str], name: str) -> str:
    """The help of a command; argparse lists aliases with it: `ack (acknowledge)`."""
    return next((text for names, text in helps.items() if names.split(" ")[0] == name), "")


def _option(action: argparse.Action) -> Word:
    return Word(
        text=max(action.option_strings, key=len),
        help=re.sub(r"\s+", " ", action.help or ""),
        takes=action.nargs != 0,
        files=action.metavar in FILES,
        values=tuple(map(str, action.choices or ())),
    )


def bash(nodes: Sequence[CommandNode]) -> Iterator[str]:
    yield from (
        "# notifier completion for bash",
        "_notifier() {",
        '    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" at="" words="" i',
        "    for ((i = 1; i < COMP_CWORD; i++)); do",
        '        case "$at/${COMP_WORDS[i]}" in',
        f'            {_alternatives(nodes)}) at="$at/${{COMP_WORDS[i]}}" ;;',
        "        esac",
        "    done",
        "    COMPREPLY=()",
        '    case "$at $prev" in',
    )
    for node in nodes:
        for option in node.options:
            if option.takes:
                words = " ".join(option.values)
                reply = f'COMPREPLY=($(compgen -W "{words}" -- "$cur")); ' if words else ""
                yield f'        "{node.path} {option.text}") {reply}return ;;'
    yield from ("    esac", '    case "$at" in')
    for node in nodes:
        yield f'        "{node.path}") words="{" ".join(_texts(node))}" ;;'
    yield from (
        "    esac",
        '    COMPREPLY=($(compgen -W "$words" -- "$cur"))',
        "}",
        "complete -o default -F _notifier notifier",
    )


def zsh(nodes: Sequence[CommandNode]) -> Iterator[str]:
    yield from (
        "#compdef notifier",
        "_notifier() {",
        '    local at="" i',
        "    local -a items options",
        "    for ((i = 2; i < CURRENT; i++)); do",
        '        case "$at/$words[i]" in',
        f'            ({_alternatives(nodes)}) at="$at/$words[i]" ;;',
        "        esac",
        "    done",
        '    case "$at $words[CURRENT-1]" in',
    )
    for node in nodes:
        for option in node.options:
            if option.takes:
                found = (
                    f"compadd -- {' '.join(option.values)}"
                    if option.values
                    else "_files"
                    if option.files
                    else ":"
                )
                yield f'        ("{node.path} {option.text}") {found}; return ;;'
    yield from ("    esac", '    case "$at" in')
    for node in nodes:
        words = [*node.commands, *(Word(text=choice, help=choice) for choice in node.choices)]
        items, options = (
            " ".join(_quoted(f"{word.text}:{word.help}") for word in some) for some in (words, node.options)
        )
        yield f'        ("{node.path}") items=({items}); options=({options}) ;;'
    yield from (
        "    esac",
        '    if [[ "$words[CURRENT]" = -* ]]; then',
        "        _describe -o option options",
        "    elif (( $#items )); then",
        "        _describe command items",
        "    else",
        "        _files",
        "    fi",
        "}",
        'if [[ "$funcstack[1]" = _notifier ]]; then',
        '    _notifier "$@"',
        "else",
        "    compdef _notifier notifier",
        "fi",
    )


def fish(nodes: Sequence[CommandNode]) -> Iterator[str]:
    yield from (
        "# notifier completion for fish",
        "function __notifier_at",
        "    set -l at ''",
        "    for word in (commandline -opc)[2..-1]",
        '        switch "$at/$word"',
        f"            case {' '.join(_quoted(path) for path in _paths(nodes))}",
        '                set at "$at/$word"',
        "        end",
        "    end",
        '    test "$at" = "$argv[1]"',
        "end",
    )
    for node in nodes:
        condition = _quoted(f'__notifier_at "{node.path}"')
        at = f"complete -c notifier -n {condition}"
        for word in node.commands:
            yield f"{at} -f -a {_quoted(word.text)} -d {_quoted(word.help)}"
        for choice in node.choices:
            yield f"{at} -f -a {_quoted(choice)}"
        for option in node.options:
            takes = (
                f" -x -a {_quoted(' '.join(option.values))}"
                if option.values
                else " -r"
                if option.takes
                else ""
            )
            yield f"{at} -l {_quoted(option.text.lstrip('-'))}{takes} -d {_quoted(option.help)}"


def _paths(nodes: Sequence[CommandNode]) -> list[str]:
    return [node.path for node in nodes if node.path]


def _alternatives(nodes: Sequence[CommandNode]) -> str:
    return "|".join(_paths(nodes))


def _texts(node: CommandNode) -> list[str]:
    return [*(word.text for word in node.commands), *node.choices, *(word.text for word in node.options)]


def _quoted(text: str) -> str:
    """The text in single quotes, for all three shells; an apostrophe in it is replaced by a typographic one."""
    plain = text.replace("'", "\u2019").replace("\\", "/")
    return f"'{plain}'"
