"""The Hugging Face Hub: which commit a model is at, what its small files say, no weights.

Everything goes through huggingface_hub, which finds the endpoint (HF_ENDPOINT) and the token
(HF_TOKEN, or the file that `hf auth login` writes) by itself; nothing here ever holds the token.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lmi_deployer import __version__
from lmi_deployer.errors import InputError, MissingExtraError
from lmi_deployer.lockfile import GATES, Gate

try:
    import huggingface_hub.utils
    from huggingface_hub import HfApi, hf_hub_url

    from lmi_deployer.edges.hub_errors import LATER, HubError, Patience, asked
except ImportError as error:
    raise MissingExtraError(
        f"asking the Hugging Face Hub needs {error.name}",
        fix="pip install 'lmi-deploy[hub]'; or `lmi-deploy lock --offline`",
    ) from error

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

PUBLIC_ENDPOINT = "https://huggingface.co"
TIMEOUT_SECONDS = 30
"""Without a byte."""
LONGEST_SECONDS = 300
"""For one file or header, however steadily it drips."""
PARTIAL_CONTENT = 206
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class Repository:
    """One commit of a repository on the hub, as `locking.checkpoint.Files`."""

    title: str
    model_id: str
    """The name under which the hub has it now."""
    commit: str
    gated: Gate
    is_private: bool | None
    hub: Hub
    listed: Mapping[str, int | None]

    def sizes(self) -> Mapping[str, int | None]:
        """Every file by its path, with its bytes."""
        return self.listed

    def part(self, name: str, start: int, length: int) -> bytes:
        """Some bytes of a file."""
        return self.hub.part(self, name, start, length)


class Hub:
    """A hub as the environment of the process names it."""

    def __init__(
        self,
        *,
        say: Callable[[str], None] = lambda _line: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # Read now: huggingface_hub itself looks only once, when it is imported.
        self._endpoint = _endpoint(os.environ.get("HF_ENDPOINT") or PUBLIC_ENDPOINT)
        self._api = HfApi(
            endpoint=self._endpoint, library_name="lmi-deploy", library_version=__version__
        )
        self._patience = Patience(
            say=say,
            sleep=sleep,
            host=_host(self._endpoint),
            scheme=urlsplit(self._endpoint).scheme,
        )
        self.say = say
        # What it would warn of is said, or waited for, here.
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)

    def repository(self, model_id: str, revision: str) -> Repository:
        """The repository at a branch or commit. Raises CheckpointError or HubError."""
        self.say(f"{model_id}: asking {self._patience.host}")
        info: ModelInfo = self._ask(
            model_id,
            lambda: self._api.model_info(
                model_id, revision=revision, files_metadata=True, timeout=TIMEOUT_SECONDS
            ),
        )
        commit = info.sha
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            raise HubError(f"{self._patience.host} names no commit of {model_id}")
        if _COMMIT.fullmatch(revision) and commit != revision:
            problem = f"{model_id} was asked for at {revision[:12]} and answered at {commit[:12]}"
            raise HubError(
                f"{self._patience.host}: {problem}", fix="the whole commit, or no mirror"
            )
        return Repository(
            title=model_id,
            model_id=_name(info.id, model_id),
            commit=commit,
            gated=info.gated if info.gated in GATES else True,
            is_private=info.private if isinstance(info.private, bool) else None,
            hub=self,
            listed={
                file.rfilename: file.size if type(file.size) is int else None
                for file in info.siblings or ()
            },
        )

    def part(self, repository: Repository, name: str, start: int, length: int) -> bytes:
        """Some bytes of a file of a repository."""
        url = hf_hub_url(
            repository.model_id, name, revision=repository.commit, endpoint=self._endpoint
        )
        size = repository.listed.get(name)
        is_whole = start == 0 and size is not None and length >= size
        found: bytes = self._ask(repository.title, lambda: self._read(url, start, length, is_whole))
        return found

    def _read(self, url: str, start: int, length: int, is_whole: bool) -> bytes:
        """The answer as far as `length`. Raises what huggingface_hub raises."""
        utils: Any = huggingface_hub.utils
        headers = utils.build_hf_headers(library_name="lmi-deploy", library_version=__version__)
        if not is_whole:  # a part of what was compressed would be a part of something else
            last = start + length - 1
            headers |= {"Range": f"bytes={start}-{last}", "Accept-Encoding": "identity"}
        session, deadline = utils.get_session(), time.monotonic() + LONGEST_SECONDS
        with session.stream("GET", url, headers=headers, timeout=TIMEOUT_SECONDS) as response:
            utils.hf_raise_for_status(response)
            if start and response.status_code != PARTIAL_CONTENT:
                raise ValueError("not the part that was asked for")
            found = bytearray()
            for part in response.iter_bytes():
                found += part
                if len(found) >= length:
                    break
                if time.monotonic() > deadline:
                    raise HubError(f"{self._patience.host} sends too slowly", fix=LATER)
        return bytes(found[:length])

    def _ask(self, title: str, call: Callable[[], Any]) -> Any:
        return asked(title, call, self._patience)


def _endpoint(url: str) -> str:
    """A usable address of a hub. Raises InputError; a password in it is never shown."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise InputError("HF_ENDPOINT is no address", fix=f"unset it, or {PUBLIC_ENDPOINT}")
    return url.rstrip("/")


def _host(endpoint: str) -> str:
    """The name of a hub for messages, without the password that its address may hold."""
    parts = urlsplit(endpoint)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _name(told: object, asked_for: str) -> str:
    """The repository's name as the hub tells it, if that can be one."""
    is_name = isinstance(told, str) and re.fullmatch(r"[\w.-]{1,96}(/[\w.-]{1,96})?", told)
    return str(told) if is_name else asked_for
