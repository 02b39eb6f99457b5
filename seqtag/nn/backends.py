"""Which implementation of the recurrent layer runs: `model.backend`, as far as the machine at hand allows.

All have the same parameters and, to rounding, the same results; a model trained with one may tag with another.
"""

from collections.abc import Callable
from typing import Any, Literal

import jax
from jaxtyping import Array

from seqtag.config import ModelConfig
from seqtag.errors import InputError
from seqtag.nn.recurrent import recurrent_layer

Backend = Literal["scan", "pallas"]

LARGEST_HIDDEN_SIZE = 256
"""Of the Pallas kernel: a larger state does not fit the registers, and the products of a step, which are written out,
grow with the square of this size."""


def usable_backend(config: ModelConfig) -> Backend:
    """The one that is asked for where it can run, else the scan."""
    return "pallas" if config.backend == "pallas" and _obstacle(config) is None else "scan"


def check_backend(config: ModelConfig) -> None:
    """Raise InputError where the implementation that is asked for cannot run."""
    if config.backend == "pallas" and (obstacle := _obstacle(config)):
        raise InputError(f"model.backend pallas {obstacle}; use model.backend auto or scan")


def layer_of(backend: Backend) -> Callable[..., Array]:
    """The function with the contract of `recurrent_layer`."""
    if backend == "pallas":
        # Here and not above: importing Pallas takes a while, and most need none of it.
        from seqtag.nn.recurrent_pallas import recurrent_layer_pallas

        return recurrent_layer_pallas
    return recurrent_layer


def _obstacle(config: ModelConfig) -> str | None:
    """Why the Pallas kernel cannot run here."""
    if config.hidden_size > LARGEST_HIDDEN_SIZE:
        return f"takes a model.hidden_size of up to {LARGEST_HIDDEN_SIZE}, not {config.hidden_size}"
    device: Any = jax.devices()[0]
    # ROCm devices call themselves gpu too. Triton needs compute capability 8.0 (Ampere).
    if device.platform != "gpu" or "cuda" not in device.client.platform_version:
        return "needs an NVIDIA GPU, and JAX finds none"
    if float(device.compute_capability) < 8:
        return f"needs a GPU of compute capability 8.0 or above, and this one has {device.compute_capability}"
    if jax.device_count() > 1:  # XLA cannot divide the kernel's rows among devices
        return f"runs on one device, and there are {jax.device_count()}"
    return None
