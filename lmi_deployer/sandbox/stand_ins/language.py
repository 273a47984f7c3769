"""The part of `transformers` that asks a model: a tokenizer of words, and a model with no weights.

Tensors are lists that know the few attributes and methods of PyTorch's which asking takes.
"""

from __future__ import annotations

from typing import Any

from .answers import answer

_vocabulary: list[str] = ["</s>"]


class Ids(list[Any]):
    """Token ids, or rows of them."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""
        return (len(self), len(self[0])) if self and isinstance(self[0], list) else (len(self),)

    def to(self, *_: Any, **__: Any) -> Ids:
        """Itself, wherever it is to go."""
        return self

    def tolist(self) -> list[Any]:
        """Plain lists."""
        return [list(item) if isinstance(item, list) else item for item in self]

    def __getitem__(self, index: Any) -> Any:
        """An item, or a slice that is still of this class."""
        item = super().__getitem__(index)
        return Ids(item) if isinstance(item, list) else item


class Encoding(dict[str, Any]):
    """What a tokenizer gives for a text."""

    def __getattr__(self, name: str) -> Any:
        """Member of this name."""
        if name not in self:
            raise AttributeError(name)
        return self[name]

    def to(self, *_: Any, **__: Any) -> Encoding:
        """Itself, wherever it is to go."""
        return self


class AutoTokenizer:
    """A tokenizer for which every word is a token."""

    eos_token, eos_token_id, pad_token, pad_token_id = "</s>", 0, "</s>", 0

    @classmethod
    def from_pretrained(cls, *_: Any, **__: Any) -> AutoTokenizer:
        """The one there is."""
        return cls()

    def __call__(self, text: str, *, return_tensors: str | None = None, **_: Any) -> Encoding:
        """Ids of a text; in a row of their own where tensors are asked for."""
        ids = Ids(self.encode(text))
        rows = ids if return_tensors is None else Ids([ids])
        ones = Ids([1] * len(ids))
        mask = ones if return_tensors is None else Ids([ones])
        return Encoding(input_ids=rows, attention_mask=mask)

    def encode(self, text: str, **_: Any) -> list[int]:
        """Ids of a text."""
        words = text.split()
        _vocabulary.extend(word for word in dict.fromkeys(words) if word not in _vocabulary)
        return [_vocabulary.index(word) for word in words]

    def tokenize(self, text: str, **_: Any) -> list[str]:
        """Words of a text."""
        return text.split()

    def decode(self, ids: Any, **_: Any) -> str:
        """Text of these ids."""
        return " ".join(_vocabulary[number] for number in ids)


class AutoModelForCausalLM:
    """A model that answers as the server's stand-in does."""

    device = "cpu"

    @classmethod
    def from_pretrained(cls, *_: Any, **__: Any) -> AutoModelForCausalLM:
        """The one there is."""
        return cls()

    def eval(self) -> AutoModelForCausalLM:
        """Itself."""
        return self

    def to(self, *_: Any, **__: Any) -> AutoModelForCausalLM:
        """Itself."""
        return self

    def generate(self, input_ids: Any = None, *, max_new_tokens: int, **_: Any) -> Ids:
        """Each row, gone on with."""
        tokenizer = AutoTokenizer()
        rows = []
        for row in input_ids:
            words = answer(tokenizer.decode(row), max_new_tokens, is_compiled=False)
            rows.append(Ids([*row, *tokenizer.encode(" ".join(words))]))
        return Ids(rows)


class AutoModelForSeq2SeqLM(AutoModelForCausalLM):
    """The same for models with an encoder, whose output does not begin with the prompt."""

    def generate(self, input_ids: Any = None, *, max_new_tokens: int, **_: Any) -> Ids:
        """What each row goes on with."""
        rows = super().generate(input_ids, max_new_tokens=max_new_tokens)
        return Ids([row[len(asked) :] for row, asked in zip(rows, input_ids, strict=True)])
