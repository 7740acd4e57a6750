"""Tables of a file as checked classes: one declaration reads them, writes them, and describes them as a JSON schema.

A class made with `table` is a frozen dataclass of pydantic. Its fields say what a file says, under the same names or under
an alias; `number`, `quantity`, `names` and the like stand in `Annotated` and check one value. Text with a unit becomes a
number in model units. Made from Python, an instance takes model units and NumPy's numbers. Whatever is wrong is one
`InputError`, wherever it was found; only the first mistake of a file is looked for.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, ClassVar, TypeVar, cast, dataclass_transform, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs, core_schema

from niche_sim.engine import given
from niche_sim.engine.errors import InputError, below, check_keys, one_of, shown, under
from niche_sim.engine.units import dimension_of, to_model

T = TypeVar("T")
Told = dict[str, Any] | None  # what the reader of a file was told besides; None if an instance is made from Python

A_TABLE = "a table of keys and values"
_TAG = "do"  # the key of a table that says which of several kinds it is
_FAILED = "a mistake was found before"


# --- one value -------------------------------------------------------------------------------------------------------


class Value:
    """How one value is read, described and written; stands in `Annotated`.

    Parameters
    ----------
    read
        Gives the value of what was found; raises InputError, whose `where` is a place below the value, mostly "".
    json
        The value in a JSON schema.
    write
        Gives what stands in a file; by default the value itself.
    """

    def __init__(
        self, read: Callable[[Any, Told], Any], json: dict[str, Any], write: Callable[[Any], Any] | None = None
    ) -> None:
        self.read, self.json, self.write = read, json, write

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        may_be_none = type(None) in get_args(source)

        def checked(value: Any, info: core_schema.ValidationInfo) -> Any:
            return None if value is None and may_be_none else self.read(given.plain(value), info.context)

        written = core_schema.plain_serializer_function_ser_schema(self.write) if self.write else None
        return core_schema.with_info_plain_validator_function(checked, serialization=written)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return dict(self.json)


def number(
    least: float = -math.inf,
    most: float = math.inf,
    *,
    above: bool = False,
    whole: bool = False,
    as_given: bool = False,
) -> Value:
    """A finite number from `least` (with `above`: more than that) to `most`; a float, unless it is kept as it was given."""
    noun = "a whole number" if whole else "a number" if most < math.inf else "a finite number"

    def read(value: Any, told: Told) -> Any:
        if not _is_number(value) or not _within(value, least, most, above) or (whole and value != int(value)):
            raise InputError("", shown(value), f"{noun}{_range(least, most, above)}")
        return int(value) if whole else value if as_given else float(value)

    return Value(read, {"type": "integer" if whole else "number", **_json_range(least, most, above)})


def quantity(
    unit: str, least: float = -math.inf, most: float = math.inf, *, above: bool = False, write: Callable[[float], str]
) -> Value:
    """Text with a unit of the dimension of `unit`, as a number of `unit`, a model unit; from Python that number itself."""

    def read(value: Any, told: Told) -> float:
        found = value
        if told is not None or isinstance(value, str):
            found = to_model(value, unit, "")
        if not _is_number(found) or not _within(found, least, most, above):
            raise InputError("", shown(value), f"{dimension_of(unit)}{_range(least, most, above, unit)}")
        return cast(float, found)

    return Value(read, {"type": "string", "examples": [f"1 {unit}"]}, write)


def names(allowed: Collection[str], hint: str = "") -> Value:
    """One of some names. hint: what a message says after them."""

    def read(value: Any, told: Told) -> str:
        try:
            return one_of(value, allowed, "")
        except InputError as error:
            raise InputError("", error.found, f"{error.allowed}{hint}") from None

    return Value(read, {"type": "string", "enum": list(allowed)})


def _text(value: Any, told: Told) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError("", shown(value), "text in quotes, not empty")
    return value


def _flag(value: Any, told: Told) -> bool:
    if not isinstance(value, bool):
        raise InputError("", shown(value), "true or false")
    return value


Text = Annotated[str, Value(_text, {"type": "string", "minLength": 1})]
Flag = Annotated[bool, Value(_flag, {"type": "boolean"})]


def key(name: str) -> Any:
    """The key under which a field stands in a file, if it is another than the field's name; stands in `Annotated`."""
    return Field(alias=name)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _within(value: float, least: float, most: float, above: bool) -> bool:
    return abs(value) < 1e308 and (least < value if above else least <= value) and value <= most


def _range(least: float, most: float, above: bool, unit: str = "") -> str:
    """In words: " from 0 to 1", " above 0 and up to 10"; of a quantity " from 0 on, up to 9 h", " from 1 h on"."""
    start = "" if least == -math.inf else f" {'above' if above else 'from'} {least:g}"
    if unit and least not in (-math.inf, 0.0):
        start += f" {unit}"
    if most == math.inf:
        return start
    if unit:
        return f"{start}{'' if above else ' on'}, up to {most:g} {unit}"
    return f"{start} and up to {most:g}" if above else f"{start} to {most:g}"


def _json_range(least: float, most: float, above: bool) -> dict[str, float]:
    start = {} if least == -math.inf else {"exclusiveMinimum" if above else "minimum": least}
    return start if most == math.inf else {**start, "maximum": most}


# --- several values --------------------------------------------------------------------------------------------------


class Many:
    """A list, or a table of tables, of limited size; stands in `Annotated` with the type of both.

    what: how its entries are called, in the plural. form: what is allowed, for the message. entry: gives an entry of a list
    in the form that is read, where it may be written in a shorter one.
    """

    def __init__(
        self, what: str, form: str, least: int = 0, most: int = 10**6, entry: Callable[[Any], Any] | None = None
    ) -> None:
        self.what, self.form, self.least, self.most, self.entry = what, form, least, most, entry

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        tables = getattr(source, "__origin__", None) is not tuple
        kinds: Any = Mapping if tables else list | tuple

        def checked(value: Any) -> Any:
            value = given.plain(value) if tables or not isinstance(value, str) else value
            if not isinstance(value, kinds):
                raise InputError("", f"{shown(value)} is not a {'table' if tables else 'list'}", self.form)
            if len(value) > self.most:
                raise InputError("", f"more than {self.most:,} {self.what}", f"at most {self.most:,}")
            if len(value) < self.least:
                raise InputError("", f"no {self.what}" if tables else shown(value), self.form)
            return value if self.entry is None else [self._written_out(one, n) for n, one in enumerate(value)]

        return core_schema.no_info_before_validator_function(checked, handler(source))

    def _written_out(self, one: Any, index: int) -> Any:
        try:
            return self.entry(one) if self.entry else one
        except InputError as error:
            raise InputError(f"[{index}]{error.where}", error.found, error.allowed) from None

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        found = handler(schema)
        few = "minProperties" if found.get("type") == "object" else "minItems"
        return {**found, few: self.least} if self.least else found


class Tagged:
    """One of several tables, told apart by what its key `do` says; stands in `Annotated` with their union."""

    def __init__(self, form: str) -> None:
        self.form = form

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        kinds = {kind.verb: handler.generate_schema(kind) for kind in get_args(source)}

        def checked(value: Any) -> Any:
            if not isinstance(value, Mapping):
                raise InputError("", f"{shown(value)} is not a table", self.form)
            if _TAG not in value:
                raise InputError(f".{_TAG}", "missing", f"needed is one of {', '.join(kinds)}")
            one_of(value[_TAG], kinds, f".{_TAG}")
            return value

        union = core_schema.tagged_union_schema(kinds, discriminator=_TAG)
        return core_schema.no_info_before_validator_function(checked, union)


# --- tables ----------------------------------------------------------------------------------------------------------


class Table:
    """What a class made with `table` may say otherwise."""

    form: ClassVar[str] = A_TABLE
    # Of a table that says one thing in either of several ways: the keys of each way, the other keys, which all are needed,
    # keys that are no fields, with their JSON schemas, and fields that are no keys.
    either: ClassVar[tuple[tuple[str, ...], ...]] = ()
    others: ClassVar[tuple[str, ...]] = ()
    spelled: ClassVar[Mapping[str, dict[str, Any]]] = {}
    hidden: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def keys(cls, entry: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        """The keys that an entry of a file needs, and those that it may have."""
        if cls.either:
            way = next((way for way in cls.either if way[0] in entry), cls.either[-1])
            return [_TAG, *cls.others, *way], []
        fields = {one.alias or name: one for name, one in cast(Any, cls).__pydantic_fields__.items()}
        required = [name for name, one in fields.items() if one.is_required() or name == _TAG]
        required.sort(key=lambda name: name != _TAG)
        return required, [name for name in fields if name not in required]

    @classmethod
    def values(cls, entry: Mapping[str, Any], told: dict[str, Any]) -> Mapping[str, Any]:
        """The fields, by their names or keys, that an entry of a file gives."""
        return entry


@dataclass_transform(frozen_default=True)
def table(cls: type[T]) -> type[T]:
    """A frozen dataclass that is checked when it is made, from Python or from a table of a file."""
    cast(Any, cls)._read_table = model_validator(mode="wrap")(cast(Any, classmethod(_read_table)))
    described = functools.partial(_describe, cast(type[Table], cls))
    config = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=True, json_schema_extra=described)
    made: Any = dataclass(frozen=True, config=config)(cls)
    make = made.__init__
    aliases = {name: one.alias or name for name, one in made.__pydantic_fields__.items()}

    @functools.wraps(make)
    def checked(self: Any, *args: Any, **values: Any) -> None:
        if len(args) > len(aliases):
            raise TypeError(f"{cls.__name__} takes {len(aliases)} values, not {len(args)}")
        try:
            make(self, **dict(zip(aliases, args, strict=False)), **values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            if "error" not in first.get("ctx", {}):
                raise TypeError(f"{cls.__name__}: {first['loc']} {first['msg']}") from None
            at = [f"[{part}]" if isinstance(part, int) else f".{aliases.get(part, part)}" for part in first["loc"]]
            found = first["ctx"]["error"]
            where = f"{getattr(cls, 'verb', '')}{''.join(at)}{found.where}"
            raise InputError(where.lstrip("."), found.found, found.allowed) from None

    made.__init__ = checked
    return cast(type[T], made)


def _describe(cls: type[Table], schema: dict[str, Any]) -> None:
    """The JSON schema of a table, made to say what stands in a file."""
    schema["description"] = " ".join((cls.__doc__ or "").partition("\n\n")[0].split())
    entries = schema["properties"]
    for entry in entries.values():
        entry.pop("title", None)
        entry.pop("default", None)
    schema["properties"] = {**{name: entries[name] for name in entries if name not in cls.hidden}, **cls.spelled}
    required = cls.keys({})[0]
    if cls.either:
        schema["oneOf"] = [{"required": list(way)} for way in cls.either]
        required = [*([_TAG] if _TAG in entries else []), *cls.others]
    if required:
        schema["required"] = required


def _read_table(cls: Any, data: Any, handler: Callable[[Any], Any], info: core_schema.ValidationInfo) -> Any:
    """Keys first, then values; after the first mistake of a file no other table of it is looked at."""
    told = info.context
    if told is None or isinstance(data, ArgsKwargs | cls):
        return handler(data)
    if told["failed"]:
        raise ValueError(_FAILED)
    try:
        if not isinstance(data, Mapping):
            raise InputError("", f"{shown(data)} is not a table", cls.form)
        check_keys(data, "", *cls.keys(data))
        return handler(dict(cls.values(data, told)))
    except ValueError:
        told["failed"] = True
        raise


# --- reading and writing ---------------------------------------------------------------------------------------------


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def read(kind: Any, data: object, where: str, **told: Any) -> Any:
    """What a file says, as an instance of a class made with `table`, or of a type of them.

    Parameters
    ----------
    kind
        The class, or an `Annotated` type.
    data
        The table of the file.
    where
        "file: key path" of it, for messages.
    told
        What its values are checked against, for those that look it up.

    Raises
    ------
    InputError
        Names the place, what was found and what is allowed.
    """
    try:
        return _adapter(kind).validate_python(data, context={**told, "failed": False})
    except ValidationError as error:
        raise _in_one_line(error, data, where) from None


def written(kind: Any, value: Any) -> dict[str, Any]:
    """What stands in a file, as plain data under the keys of the file; None is left out."""
    return cast(dict[str, Any], _adapter(kind).dump_python(value, by_alias=True, exclude_none=True))


def json_schema(kind: Any) -> dict[str, Any]:
    """The JSON schema of a file, for editors."""
    return _adapter(kind).json_schema(by_alias=True)


def _in_one_line(error: ValidationError, data: Any, where: str) -> InputError:
    """The first mistake; its place is followed through the data, because pydantic names kinds of tables in it, too."""
    first = error.errors(include_url=False)[0]
    place, here = where, data
    for part in first["loc"]:
        if isinstance(here, Mapping) and part in here and part != here.get(_TAG):
            place, here = under(place, str(part)), here[part]
        elif isinstance(here, list | tuple) and isinstance(part, int):
            place, here = f"{place}[{part}]", here[part]
    found = first.get("ctx", {}).get("error")
    if not isinstance(found, InputError):
        return InputError(place, shown(first["input"]), first["msg"])
    return InputError(below(place, found.where), found.found, found.allowed)
