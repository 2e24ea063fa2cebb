"""A model that may be foreign code: how it is asked, and what stands around it."""

from __future__ import annotations

import inspect
from typing import Protocol, cast

from a3s_code.errors import ModelRefused
from a3s_code.kernel.ports import Model, ModelRequest, Reply, ReplyListener


async def ask(model: Model, request: ModelRequest, listener: ReplyListener) -> Reply:
    """
    Ask a model.

    Raises:
        ModelRefused: its `reply` is not async.
        Exception: whatever it raises.
    """
    answer: object = model.reply(request, listener)
    if not inspect.isawaitable(answer):
        raise ModelRefused(
            f"The reply of {model.ref} gave a {type(answer).__name__} at once.",
            kind="protocol",
            hint="write `async def reply(self, request, listener)`",
        )
    return await answer


class _Bounding(Protocol):
    """A model of ours that bounds answers."""

    async def fitted(self, request: ModelRequest) -> ModelRequest:
        """Wait until there is as much room for an answer as there may be, and bound it so."""
        ...


async def fitted(model: Model, request: ModelRequest) -> ModelRequest:
    """
    Give a request whose answer is bounded by what may still be used up.

    Asked before its receipt is written, so that the receipt says what is sent.
    """
    fit: object = getattr(model, "fitted", None)
    if inspect.iscoroutinefunction(fit):
        return await cast("_Bounding", model).fitted(request)
    return request
