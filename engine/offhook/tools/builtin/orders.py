"""``use = "order"``: callers order what the agent's file lists, and hear what it comes to before their yes.

An order is written down like a ticket, with a number, and goes by mail if the file names addresses.  What is
ordered and what it costs stands in the file: no caller's words and no model make an article or a price.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError, model_validator

from offhook.agents.tools import ToolEntry
from offhook.config import Section
from offhook.errors import ConfigError
from offhook.languages.codes import base_language
from offhook.tenants.tickets import Ticket
from offhook.tools.base import Context, Tool, ToolResult, ToolSpec
from offhook.tools.builtin import Surroundings
from offhook.tools.builtin.ticket_words import say, text
from offhook.tools.builtin.tickets import Noted, NotedSettings, TicketSettings
from offhook.tools.builtin.wishes import asked_for

_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
_CENT = Decimal("0.01")


class Article(Section):
    """Something that can be ordered."""

    name: _Name
    """As it is said: "steel kettle"."""
    also: tuple[_Name, ...] = ()
    """Other names: "kettle"."""
    price: Decimal | None = Field(None, ge=0, le=1_000_000, decimal_places=2)
    """Of one; None: nothing is said of what it comes to."""


class OrderSettings(NotedSettings):
    """What an agent's table says of its orders."""

    asked_already = frozenset({"article", "quantity", "name", "phone", "total"})
    articles: tuple[Article, ...] = Field(min_length=1, max_length=200)
    currency: str = Field("$", min_length=1, max_length=8)
    """As it is written: "$", "€", "CHF"."""
    most: int = Field(20, ge=1, le=10_000)
    """So many of one article at most."""

    @model_validator(mode="after")
    def _apart(self) -> OrderSettings:
        names = [name.lower() for one in self.articles for name in (one.name, *one.also)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two articles are called {twice[0]!r}: callers could not tell them apart")
        return self


def order(entry: ToolEntry, spec: ToolSpec, around: Surroundings) -> Sequence[Tool]:
    """``settings`` are :class:`OrderSettings`.  Raises ConfigError."""
    try:
        settings = OrderSettings.model_validate(entry.settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f".{part}" for part in first["loc"])
        raise ConfigError(f"settings{where}: {first['msg'].removeprefix('Value error, ')}") from None
    language = around.language
    article = {
        "type": "string",
        "enum": [one.name for one in settings.articles],
        "x-also": {one.name: one.also for one in settings.articles if one.also},
        "x-ask": text("article", language),
    }
    quantity = {
        "type": "integer",
        "minimum": 1,
        "maximum": settings.most,
        "x-ask": text("quantity", language),
    }
    phone = {"type": "string", "format": "phone", "x-from": "caller", "x-ask": text("phone", language)}
    properties: dict[str, Any] = {
        "article": article,
        "quantity": quantity,
        **{name: one.schema_of() for name, one in settings.questions.items()},
        "name": {"type": "string", "format": "name", "x-ask": text("name", language)},
        "phone": phone,
    }
    required = [name for name in properties if not getattr(settings.questions.get(name), "optional", False)]
    described = replace(
        spec,
        description=spec.description or "Take an order",
        parameters={"type": "object", "properties": properties, "required": required},
        effect="writes",
        heeds_key=True,
        when=spec.when or asked_for("order", language),
        kind="" if spec.when else "order",
    )
    return [Order(described, settings, around)]


class Order(Noted):
    """Written down with us."""

    def __init__(self, spec: ToolSpec, settings: OrderSettings, around: Surroundings) -> None:
        super().__init__(spec, "ticket", TicketSettings(mail=settings.mail), around)
        self._orders = settings
        self._prices = {one.name: one.price for one in settings.articles}

    def read_back(self, values: Mapping[str, Any], labels: Mapping[str, str]) -> str:
        """The values as they are said, and what it comes to; a template of the file's has ``{total}``."""
        language, total = self._around.language, self._total(values)
        template = self.spec.phrases.confirm
        known = {**values, **{name: label or values[name] for name, label in labels.items()}, "total": total}
        if template:
            return template.format_map(_Known(known))
        said = [text("order_line", language).format(**known)]
        if total:
            said.append(text("order_total", language).format(total=total))
        others = [name for name in self.spec.properties if name not in ("article", "quantity")]
        said += [str(known[name]) for name in others if known.get(name)]
        return say("order_confirm", language, values=", ".join(said))

    def _total(self, values: Mapping[str, Any]) -> str:
        """As it is written where the language is spoken; empty: the article has no price."""
        price = self._prices.get(str(values.get("article")))
        if price is None:
            return ""
        amount = (price * int(values["quantity"])).quantize(_CENT)
        written = f"{amount:.2f}".removesuffix(".00")
        if base_language(self._around.language) == "en":
            return f"{self._orders.currency}{written}"
        return f"{written.replace('.', ',')} {self._orders.currency}"

    def noted(self, arguments: Mapping[str, Any], context: Context) -> Ticket:
        total = self._total(arguments)
        what = f"{arguments['quantity']} x {arguments['article']}"
        fields = {name: arguments[name] for name in self.spec.properties if name in arguments}
        found = super().noted({**arguments, "problem": what + (f", {total}" if total else "")}, context)
        fields = {name: value for name, value in fields.items() if name not in ("name", "phone")}
        return replace(found, fields={**fields, **({"total": total} if total else {})})

    def told(self, number: str, context: Context) -> ToolResult:
        return ToolResult({"number": number}, say("order_done", context.language, number=number))


class _Known(dict[str, Any]):
    """What is not there is left out."""

    def __missing__(self, key: str) -> str:
        return ""
