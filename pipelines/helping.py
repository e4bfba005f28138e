"""Commands whose help shows what to type: no Python types, no ranges, arguments as they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

if TYPE_CHECKING:
    from collections.abc import Iterable


class PlainCommand(TyperCommand):
    """One command."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _plain(self.get_params(ctx))
        super().format_help(ctx, formatter)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        arguments = [one for one in self.get_params(ctx) if isinstance(one, TyperArgument)]
        return [self.options_metavar or "", *(one.display_name_raw for one in arguments)]


class PlainGroup(TyperGroup):
    """A command with commands in it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _plain(self.get_params(ctx))
        super().format_help(ctx, formatter)


def _plain(parameters: Iterable[object]) -> None:
    """Have parameters, which are about to be described and not to be read, tell no more than their metavars."""
    for one in parameters:
        if isinstance(one, TyperOption):
            one.min = one.max = None
            if one.is_flag:
                one.metavar = ""
        elif isinstance(one, TyperArgument):
            one.required = False  # the usage line tells: neither a star nor "[required]"
            one.display_type_rich = _nothing  # type: ignore[method-assign]  # there is no switch for it


def _nothing(ctx: object) -> None:
    """The type of an argument whose metavar says it."""
