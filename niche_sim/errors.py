"""Bad input, said in one line: where it stands, what was found, what is allowed."""

from __future__ import annotations


class InputError(ValueError):
    """Something a user gave cannot be used.

    where: file, option or parameter; found: what stands there; allowed: what would do.
    ``str(error)`` is one line, ``<where>: <found>; <allowed>``.
    """

    def __init__(self, where: str, found: str, allowed: str) -> None:
        self.where, self.found, self.allowed = where, found, allowed
        super().__init__(" ".join(f"{where}: {found}; {allowed}".split()))

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        return type(self), (self.where, self.found, self.allowed)
