"""Lays the environment under serving.properties as one version of the server does.

Sources: ModelInfo.loadServingProperties, ModelServer, PyEnv and PyModel of each version, and the
entry scripts of the images; servers.yaml and environment.yaml hold what differs.
"""

from __future__ import annotations

from collections.abc import Mapping

from lmi_deployer.server.facts import Facts
from lmi_deployer.server.merged import Merged, Overridden, Setting, Unread
from lmi_deployer.server.variables import PREFIX, SERVING, Layer


def merge(facts: Facts, properties: Mapping[str, str], environment: Mapping[str, str]) -> Merged:
    """What the server makes of a file and the environment of its container.

    `properties` is the file as java.util.Properties reads it, empty where there is none.
    """
    overridden: list[Overridden] = []
    unread: list[Unread] = []
    late: set[str] = set()
    engine = properties.get("engine")
    if engine is None and environment and facts.option_variables["sets_engine"]:
        engine = environment.get("OPTION_ENGINE")
    has_handler = engine not in facts.other_engines
    settings = _file(facts, properties, has_handler, overridden, unread, late)
    if not environment:
        return Merged(
            settings,
            {key: setting[0] for key, setting in settings.items()},
            tuple(overridden),
            tuple(unread),
            late=frozenset(late),
        )
    layer = Layer(facts, settings, bool(properties), environment, overridden, unread, late)
    layer.run()
    return Merged(
        settings,
        {key: setting[0] for key, setting in settings.items()},
        tuple(overridden),
        tuple(unread),
        tuple(layer.advice),
        tuple(layer.others),
        frozenset(late),
    )


def _file(
    facts: Facts,
    properties: Mapping[str, str],
    has_handler: bool,
    overridden: list[Overridden],
    unread: list[Unread],
    late: set[str],
) -> dict[str, Setting]:
    """The settings of the file. Handlers see keys with and without `option.` alike.

    Engines without a handler tell the two apart: keys without it are for their translators.
    """
    settings: dict[str, Setting] = {}
    top_level, either_prefix = facts.top_level, facts.either_prefix
    for name, value in properties.items():
        if name.startswith(PREFIX):
            key = either_prefix.get(name, name)
            if key in settings:
                other = settings[key]
                overridden.append(Overridden(key, other.name, other.value, name))
                late.discard(key)
            settings[key] = Setting(value, name, False)
            continue
        if name in facts.config_keys:
            instead = f"the environment variable {SERVING}{name.upper()}"
            unread.append(Unread(name, "is a setting of the whole server", instead))
            continue
        is_server_key = name in top_level
        is_bare = is_server_key or name in facts.server_options or not has_handler
        key = name if is_bare else PREFIX + name
        if key in settings:
            overridden.append(Overridden(key, name, value, settings[key].name))
            continue
        settings[key] = Setting(value, name, False)
        if not is_server_key:
            late.add(key)
    return settings
