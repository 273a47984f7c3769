"""Rules that arithmetic or several facts decide; those of fixed values are combinations.yaml.

They stand by what they need to know. Where it is not known they are not asked: `lint` says once
what was not given, and combinations say it themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lmi_deployer.settings.rules import cache, hardware, limits, model, parallelism, quantization
from lmi_deployer.settings.view import Issue, View

Rule = Callable[[View], Iterable[Issue]]

OF_SETTINGS: tuple[Rule, ...] = (
    quantization.quantized_dtype,
    model.dtype_is_taken,
    model.own_code_is_pinned,
    model.model_id_can_be_loaded,
    parallelism.degrees_can_be_started,
    parallelism.handler_sees_its_devices,
    parallelism.fewest_workers_are_not_above_the_most,
    limits.answers_come_in_time,
    limits.loading_comes_in_time,
    limits.batch_is_a_java_number,
    limits.queue_feeds_the_batch,
    limits.no_secrets,
    cache.transfer_has_a_role,
)
OF_THE_MODEL: tuple[Rule, ...] = (
    quantization.checkpoint_is_quantized,
    quantization.engine_is_built_from_plain_weights,
    quantization.quantized_family,
    model.backend_serves_the_model,
    model.own_code_is_allowed,
    hardware.degree_divides_the_heads,
    limits.lengths_fit_the_model,
)
OF_THE_MACHINE: tuple[Rule, ...] = (
    quantization.gpu_has_the_kernels,
    parallelism.degrees_fit_the_devices,
    parallelism.workers_have_devices,
    hardware.weights_fit,
    cache.one_sequence_fits,
    hardware.instance_can_host,
    hardware.gpu_is_known_to_the_image,
    hardware.driver_is_new_enough,
)


def rules_for(view: View) -> tuple[Rule, ...]:
    """The rules that what is known allows to ask."""
    of_model = OF_SETTINGS if view.model is None else OF_SETTINGS + OF_THE_MODEL
    return of_model if view.instance is None else of_model + OF_THE_MACHINE
