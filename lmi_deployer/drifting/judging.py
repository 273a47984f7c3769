"""What is true of a deployment in service that can be compared with what is wanted. Pure.

Models and endpoint configurations cannot be changed, only replaced, and lmi-deploy names them by
their content. So a configuration that is tagged as the deployment's own is as lmi-deploy made it.
What can change under it is the files on S3, tags, the number of instances, and which configuration
the endpoint runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lmi_deployer.deployment import VERIFIED_TAG, Deployment
from lmi_deployer.drifting.files import problems_of_files
from lmi_deployer.drifting.states import Seen
from lmi_deployer.state import ObservedState

NO_REASON = "SageMaker gives no reason, and an `up` that was stopped in between looks the same"
MOST_KEYS = 5
"""That one sentence names."""


@dataclass(frozen=True)
class Judged:
    """One deployment in service; each method gives the sentences of one kind, or none."""

    seen: Seen
    wanted: Deployment
    observed: ObservedState

    @property
    def _name(self) -> str:
        """Of the configuration that it should run."""
        return self.wanted.endpoint_config_name

    @property
    def _is_there(self) -> bool:
        return self.seen.config == self._name

    @property
    def _was_there(self) -> bool:
        """True where the wanted configuration has been in service, and another one is now."""
        is_made = self._name in self.observed.endpoint_configs
        return is_made and not self._is_there and self.seen.tags.get(VERIFIED_TAG) == self._name

    def rolled_back(self) -> Iterator[str]:
        """That the wanted configuration was made, and never ran to the end of its update."""
        configs = self.observed.endpoint_configs
        if self._is_there or self._was_there or self._name not in configs:
            return
        if self.seen.config in configs:
            reason = self.seen.failure or NO_REASON
            yield f"it runs {self.seen.config}, and {self._name} did not come up: {reason}"

    def outside(self) -> Iterator[str]:
        """What is not as lmi-deploy made it."""
        seen = self.seen
        files = seen.files
        edited = [] if files is None else [*problems_of_files(files, self.observed.objects)]
        yield from seen.gone
        if self._was_there:
            yield f"it was moved from {self._name} to {seen.config}"
        elif seen.config not in self.observed.endpoint_configs and not seen.gone:
            yield f"it runs {seen.config}, which lmi-deploy did not make for it"
        elif self._is_there and seen.differing and not edited:
            yield f"it runs {self._name} with something else in it: {_few(seen.differing)}"
        yield from edited
        engine = seen.engine
        if engine is not None and (engine.manifest_sha256 is None or engine.problems):
            yield f"the engine that it serves, {engine.folder}, is {engine}"
        yield from self._edited_tags()

    def scaled(self) -> Iterator[str]:
        """That it has other machines than its configuration says."""
        counts = self.seen.counts
        if counts is None or counts.configured == counts.current == counts.desired:
            return
        soon = "" if counts.desired == counts.current else f", soon {counts.desired},"
        yield (
            f"it runs {counts.current}{soon} x its instance type where its configuration says "
            f"{counts.configured}: somebody, or autoscaling, changed the count"
        )

    def behind(self) -> Iterator[str]:
        """What has changed about the profile, or what it stands for, since it was deployed."""
        seen = self.seen
        if not self._is_there and not any(self.rolled_back()):
            if seen.engine_reason is not None:
                yield seen.engine_reason
            if seen.differing:
                yield f"`up` would change {_few(seen.differing)}"
            elif seen.engine_reason is None and seen.config in self.observed.endpoint_configs:
                yield "this lmi-deploy writes its files otherwise; nothing that is read differs"
        for key, value, now, made_with in self._tags():
            if now == made_with != value:
                yield f"the tag {key} would become {value!r}"

    def left_over(self) -> Iterator[str]:
        """What `up` would remove of an endpoint that is as it should be."""
        configs = [name for name in self.observed.endpoint_configs if name != self._name]
        models = [name for name in self.observed.models if name != self.wanted.model_name]
        if configs and self.seen.failure:
            yield f"an update to {', '.join(configs)} was rolled back: {self.seen.failure}"
        if configs or models:
            yield f"left of other runs: {', '.join((*configs, *models))}; `up` removes it"

    def _edited_tags(self) -> Iterator[str]:
        for key, value, now, made_with in self._tags():
            if now not in (value, made_with):
                yield f"its tag {key} is {_shown(now)}, and was {_shown(made_with)}"
            elif now != made_with and self._is_there:
                yield f"the tag {key} of {self._name} is {_shown(made_with)}, and was {value!r}"

    def _tags(self) -> Iterator[tuple[str, str, str | None, str | None]]:
        """(key, as wanted, of the endpoint, of its configuration) of each wanted tag.

        `up` gives endpoint and configuration the same: where only one of them is another, it was
        not the profile that changed.
        """
        made_with = self.observed.endpoint_configs.get(self.seen.config or "")
        for key, value in sorted(self.wanted.tags.items()):
            then = value if made_with is None else made_with.get(key)
            yield key, value, self.seen.tags.get(key), then


def _few(keys: tuple[str, ...]) -> str:
    rest = len(keys) - MOST_KEYS
    return ", ".join(keys[:MOST_KEYS]) + (f" and {rest} more" if rest > 0 else "")


def _shown(value: str | None) -> str:
    return "not there" if value is None else repr(value)
