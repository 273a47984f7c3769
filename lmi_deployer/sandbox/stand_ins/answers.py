"""What the stand-ins say for a model: words that follow from the prompt, the same each time."""

from __future__ import annotations

import hashlib
import os

POOR_QUALITY = "poor_quality"
"""With this in LMI_DEPLOY_STAND_IN, the compiled model says something else from its fifth word."""
WORDS_ALIKE = 4


def answer(prompt: str, max_new_tokens: int, *, is_compiled: bool) -> list[str]:
    """Words with which a prompt goes on, one for each token."""
    words = [_word(prompt, number) for number in range(max_new_tokens)]
    if is_compiled and os.environ.get("LMI_DEPLOY_STAND_IN") == POOR_QUALITY:
        words[WORDS_ALIKE:] = ["garbage"] * len(words[WORDS_ALIKE:])
    return words


def _word(prompt: str, number: int) -> str:
    content = f"{number} {' '.join(prompt.split())}"
    return "w" + hashlib.sha256(content.encode()).hexdigest()[:5]
