"""What the server makes of environment variables, name by name.

Sources: ModelInfo.loadServingProperties (OPTION_, ARGS_), ConfigManager (SERVING_), ModelServer
(HF_MODEL_ID), PyEnv and the entry scripts of the images.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from lmi_deployer.nearest import nearest
from lmi_deployer.server.facts import Facts, Row
from lmi_deployer.server.merged import Advice, Overridden, Setting, Unread

PREFIX = "option."
OPTION, ARGUMENT, SERVING = "OPTION_", "ARGS_", "SERVING_"
_SURELY_MEANT = 0.85
"""How like a known name an unknown variable must be to count as misspelt."""
_SHARED_WITH_LIBRARIES = "HF_"
"""A prefix of libraries under which the variables stand that most files are about."""
_READ_BY_HANDLERS_TOO = "batch_size"
"""The one key of the server alone that handlers look up as well."""


class Layer:
    """One environment, to be laid under the settings of a file, which it changes."""

    def __init__(
        self,
        facts: Facts,
        settings: dict[str, Setting],
        has_file: bool,
        environment: Mapping[str, str],
        overridden: list[Overridden],
        unread: list[Unread],
        late: set[str],
    ) -> None:
        self.facts = facts
        self.settings = settings
        self.has_file = has_file
        self.environment = environment
        self.overridden = overridden
        self.unread = unread
        self.advice: list[Advice] = []
        self.others: list[str] = []
        self.late = late

    def run(self) -> None:
        """Settings of the file's rank first, then what only fills gaps, then what beats all."""
        named = [name for name in self.facts.variables if name in self.environment]
        rows = self.facts.variables
        for name in named:
            if rows[name].get("is_generated"):
                self._generated(name, rows[name])
        for name, value in self.environment.items():
            if name not in rows:
                self._by_prefix(name, value)
        for name in named:
            if not rows[name].get("is_generated"):
                self._named(name, rows[name])

    def _put(self, key: str, name: str, value: str) -> bool:
        """Set a key unless something did already; tell whether it holds.

        OPTION_<NAME> is a key with the prefix, which beats one without it in the file.
        """
        other = self.settings.get(key)
        if other is not None:
            is_bare = not other.is_environment and not other.name.startswith(PREFIX)
            if not (is_bare and name.startswith(OPTION) and key != "engine"):
                self.overridden.append(Overridden(key, name, value, other.name))
                return False
            self.overridden.append(Overridden(key, other.name, other.value, name))
            self.late.discard(key)
        self.settings[key] = Setting(value, name, True)
        return True

    def _generated(self, name: str, row: Row) -> None:
        """A variable of the file that the server writes for a model of its own."""
        needed = row.get("needs")
        if needed is not None and needed not in self.environment:
            self._unread(name, f"is read only beside {needed}", needed)
        elif self.has_file:
            key = row["key"]
            reason = "makes a second model, and leaves that of serving.properties as it is"
            self._unread(name, reason, f"write {key} in serving.properties")
        else:
            self._put(row["key"], name, self.environment[name])

    def _named(self, name: str, row: Row) -> None:
        value: str | None = self.environment[name]
        if not row.get("is_read", True):
            self._unread(name, f"sets {row['meaning']}", row.get("instead"))
            return
        if "advice" in row:
            self.advice.append(Advice(name, row["advice"]))
        value = _translated(row, self.environment[name])
        if value is None or "key" not in row:
            return
        for key in (row["key"], *row.get("also", ())):
            if row.get("wins") == "environment" and not self._is_by_equal_rank(key):
                other = self.settings.pop(key, None)
                if other is not None:
                    self.overridden.append(Overridden(key, other.name, other.value, name))
            self._put(key, name, value)

    def _is_by_equal_rank(self, key: str) -> bool:
        """Whether an earlier variable that beats the file gave the key."""
        setting = self.settings.get(key)
        row = {} if setting is None else self.facts.variables.get(setting.name, {})
        return row.get("wins") == "environment"

    def _by_prefix(self, name: str, value: str) -> None:
        if name.startswith(OPTION):
            self._option(name, value)
        elif name.startswith(SERVING):
            self._serving(name, value)
        elif name.startswith(ARGUMENT) and self.facts.option_variables["reads_arguments"]:
            self._argument(name, value)
        else:
            self._unknown(name)

    def _option(self, name: str, value: str) -> None:
        rules = self.facts.option_variables
        bare = self._lowered(name.removeprefix(OPTION))
        key = PREFIX + bare
        if not rules["is_read"]:
            reason = f"is not read by LMI {self.facts.version}, as is no {OPTION}<NAME>"
            self._unread(name, reason, f"write {key} in serving.properties")
        elif not value and rules["skips_empty"]:
            self._unread(name, "is empty, which counts as not set", None)
        elif bare == "engine" and rules["sets_engine"]:
            self._put(bare, name, value)
        elif self._is_for_the_server_alone(bare):
            self._unread(name, f"does not set {bare}, which has no prefix", self._without(bare))
        else:
            key = self.facts.either_prefix.get(key, key)
            if self._put(key, name, value) and not rules["sets_engine"]:
                self.late.add(key)

    def _argument(self, name: str, value: str) -> None:
        bare = self._lowered(name.removeprefix(ARGUMENT))
        key = PREFIX + bare
        if not value:
            self._unread(name, "is empty, which counts as not set", None)
        elif self._is_for_the_server_alone(bare) or bare == "engine":
            self._unread(name, f"does not set {bare}", self._without(bare))
        else:
            is_bare = bare in self.facts.server_options
            self._put(bare if is_bare else self.facts.either_prefix.get(key, key), name, value)

    def _serving(self, name: str, value: str) -> None:
        bare = name.removeprefix(SERVING).lower()
        if bare in self.facts.server_variables or bare in self.facts.config_keys:
            if self._put(bare, name, value):
                self.late.add(bare)
        else:
            self._unknown(name)

    def _is_for_the_server_alone(self, bare: str) -> bool:
        return (
            bare in self.facts.top_level
            and PREFIX + bare not in self.facts.either_prefix
            and bare not in {"engine", _READ_BY_HANDLERS_TOO}
        )

    def _without(self, bare: str) -> str:
        """How to set a key that takes no prefix."""
        if bare in self.facts.server_variables or bare in self.facts.config_keys:
            return f"{SERVING}{bare.upper()}"
        return f"write {bare} in serving.properties"

    def _lowered(self, bare: str) -> str:
        rules = self.facts.option_variables
        if not rules["keeps_mixed_case"] or _is_snake_case(bare):
            bare = bare.lower()
        return str(self.facts.mixed_case.get(bare, bare))

    def _unread(self, name: str, reason: str, instead: str | None) -> None:
        self.unread.append(Unread(name, reason, instead))

    def _unknown(self, name: str) -> None:
        """A variable that this version does not know: none of its business, or misspelt."""
        facts = self.facts
        if name.startswith(facts.foreign_prefixes) or name in facts.foreign_variables:
            is_shared = name.startswith(_SHARED_WITH_LIBRARIES)
            if is_shared and _meant(name, facts.read_variables) is not None:
                self.others.append(name)
            return
        upper = name.upper().replace(".", "_")
        reads = f"LMI {facts.version} reads no such variable"
        is_ours = name.startswith(facts.own_prefixes)
        is_known = upper.startswith(facts.own_prefixes) or upper in facts.variables
        if upper != name and is_known and not is_ours:
            self._unread(name, "is not read, since names are upper case", upper)
            return
        near = _meant(name, facts.read_variables)
        if near is not None or is_ours:
            self._unread(name, f"is not read: {reads}", near)
        else:
            self.others.append(name)


@lru_cache(maxsize=1024)
def _meant(name: str, known: frozenset[str]) -> str | None:
    """The known variable that a name misspells, as far as one can tell."""
    return nearest(name, known, cutoff=_SURELY_MEANT)


def _is_snake_case(name: str) -> bool:
    """Whether the server lower-cases a name: upper case letters, digits and underlines alone."""
    return name.isascii() and name.replace("_", "A").isalnum() and name.upper() == name


def _translated(row: Row, value: str) -> str | None:
    """The value of the key that a variable's value stands for; None where it counts as not set."""
    if not value and row.get("skips_empty"):
        return None
    if "factor" in row:
        try:
            return str(int(value) * int(row["factor"]))
        except ValueError:
            return None
    if value in row.get("values", ()):
        return str(row["values"][value])
    return str(row.get("otherwise", value))
