"""Values of a profile that are rendered as a given text, letter by letter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from lmi_deployer.profile import Settings
from lmi_deployer.render import as_text
from lmi_deployer.spec import Value
from lmi_deployer.yaml_source import scalar


def typed(text: str) -> Value:
    """The value that is rendered as this text: a number or bool where one is, else the text.

    >>> [typed(text) for text in ("8", "0.9", "0.90", "true", "True")]
    [8, 0.9, '0.90', True, 'True']
    """
    value = scalar(text)
    return text if value is None or as_text(value) != text else value


def renders(
    sections: tuple[str, ...], key: str, text: str, beside: Mapping[str, object] | None = None
) -> bool:
    """Whether the profile has such a key, and takes a value for it that is rendered as this text.

    `beside` is what the section needs besides.
    """
    content: dict[str, Any] = {**(beside or {}), key: typed(text)}
    for section in reversed(sections):
        content = {section: content}
    try:
        value: Any = Settings.model_validate(content)
    except ValidationError:
        return False
    for name in (*sections, key):
        value = getattr(value, name)
    return as_text(value) == text
