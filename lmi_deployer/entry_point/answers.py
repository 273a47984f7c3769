"""What needs transformers: answers of the weights as stored, and comparing answers by tokens.

Run in a Python of its own, whose GPU memory is free again when it ends.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any, List, Mapping, Sequence


def common_share(reference: Sequence[int], candidate: Sequence[int]) -> float:
    """Share of the reference's tokens before the first difference.

    A reference without tokens is met by an answer without any.

    >>> common_share([5, 6, 7, 8], [5, 6, 9, 8])
    0.5
    """
    if not reference:
        return 0.0 if candidate else 1.0
    same = 0
    while same < min(len(reference), len(candidate)) and reference[same] == candidate[same]:
        same += 1
    return same / len(reference)


def agreement(tokenizer: Any, reference: str, candidate: str, max_new_tokens: int) -> float:
    """How far an answer agrees with its reference, 0 to 1.

    White space at both ends is left aside: whether a tokenizer gives back the space before its
    first word depends on who joins the tokens, not on the model.
    """
    expected, got = reference.strip(), candidate.strip()
    if expected and got.startswith(expected):
        return 1.0
    wanted = tokenizer.encode(expected, add_special_tokens=False) if expected else []
    found = tokenizer.encode(got, add_special_tokens=False) if got else []
    return common_share(wanted[:max_new_tokens], found)


def ask_weights(asked: Mapping[str, Any]) -> List[str]:
    """Greedy answers of the weights as they are stored, one for each prompt."""
    transformers = import_module("transformers")
    folder, trusts = asked["weights"], asked["trust_remote_code"]
    config = json.loads((Path(folder) / "config.json").read_text())
    is_encoder_decoder = bool(config.get("is_encoder_decoder"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=trusts)
    kind = "AutoModelForSeq2SeqLM" if is_encoder_decoder else "AutoModelForCausalLM"
    model = getattr(transformers, kind).from_pretrained(
        folder, torch_dtype="auto", device_map="auto", trust_remote_code=trusts
    )
    answers = []
    for number, prompt in enumerate(asked["prompts"], 1):
        tokens = tokenizer(prompt, return_tensors="pt").to(model.device)
        output = model.generate(
            input_ids=tokens["input_ids"],
            attention_mask=tokens["attention_mask"],
            max_new_tokens=asked["max_new_tokens"],
            do_sample=False,
            num_beams=1,
            # A checkpoint's generation_config may ask for one, which no LMI server reads.
            repetition_penalty=1.0,
            pad_token_id=tokenizer.eos_token_id,
        )
        start = 0 if is_encoder_decoder else tokens["input_ids"].shape[-1]
        answers.append(tokenizer.decode(output[0][start:], skip_special_tokens=True))
        _say(f"reference {number} of {len(asked['prompts'])}")
    return answers


def compare(asked: Mapping[str, Any]) -> List[float]:
    """Agreement of each answer with its reference."""
    tokenizer = import_module("transformers").AutoTokenizer.from_pretrained(
        asked["tokenizer"], trust_remote_code=asked["trust_remote_code"]
    )
    return [
        agreement(tokenizer, reference, asked["answers"][number], asked["max_new_tokens"])
        for number, reference in enumerate(asked["reference"])
    ]


def main(arguments: Sequence[str]) -> None:
    """Do what the document at `arguments[0]` asks for, and write what comes of it to the next."""
    asked = json.loads(Path(arguments[0]).read_text())
    task = {"ask_weights": ask_weights, "compare": compare}[asked["task"]]
    Path(arguments[1]).write_text(json.dumps(task(asked)))


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - read by the process that started this one
