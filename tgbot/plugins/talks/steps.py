"""The steps of a talk: those that are kept come back in their order, and each new one is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import blake2b

from msgspec.structs import replace

from tgbot.core.talks import Json, KeptTalk, Step
from tgbot.plugins.talks.raised import Misfit, TalkTooLongError


class Steps:
    """The steps that one run of a talk's function has done, of those that are kept.

    `save` keeps the talk; `name` is told what names the sends from now on: the same at the same step of the
    same talk in each run.
    """

    def __init__(self, kept: KeptTalk, save: Callable[[KeptTalk], None], name: Callable[[str], None]) -> None:
        self.kept = kept
        self._save = save
        self._name = name
        #: How many steps this run has done.
        self.done = 0
        #: What does not fit, once something does not.
        self.misfit: Misfit | None = None
        self._name(self.work)

    @property
    def work(self) -> str:
        """What names the sends of the step that this run is at."""
        return f"{work_of(self.kept)} {self.done}"

    def find(self, kind: str, label: str) -> Step | None:
        """Return the step that is kept for this place, None for none; raise Misfit if it is another one."""
        if self.misfit is not None:
            raise self.misfit
        if self.done >= len(self.kept.steps):
            return None
        step = self.kept.steps[self.done]
        if (step.kind, step.label) != (kind, label):
            raise self.unfit()
        return step

    def unfit(self) -> Misfit:
        """Note that the step that this run is at does not fit; return what to raise, now and from now on."""
        self.misfit = self.misfit or Misfit(self.done)
        return self.misfit

    def keep(self, step: Step, *, until: int = 0, last: int | None = None, album: int | None = None) -> Step:
        """Keep a step, and these fields of the talk; raise TalkTooLongError if it takes too much."""
        kept = self.kept
        steps = (*self.kept.steps[: self.done], step)
        last, album = kept.last if last is None else last, kept.album if album is None else album
        kept = replace(kept, steps=steps, until=until, last=last, album=album)
        try:
            self._save(kept)
        except ValueError as error:
            raise TalkTooLongError(str(error)) from None
        self.kept = kept
        if step.done:
            self.passed()
        return step

    def passed(self) -> None:
        """Note that this run has done the step that it is at."""
        self.done += 1
        self._name(self.work)

    def finish(self) -> None:
        """Note that the function has returned; raise Misfit if steps are left over."""
        if self.misfit is None and self.done < len(self.kept.steps):
            self.unfit()
        if self.misfit is not None:
            raise self.misfit


def work_of(kept: KeptTalk) -> str:
    """Return what the names of all sends of a talk begin with."""
    return f"talk {kept.name} {kept.key}"


def digest(text: str) -> str:
    """Return a few characters that tell a text from others."""
    return blake2b(text.encode(errors="surrogatepass"), digest_size=6).hexdigest()


def as_json(value: object, what: str) -> Json:
    """Return a value as it comes back out of JSON; raise TalkTooLongError if it is none."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise TalkTooLongError(f"{what} is to be kept as JSON, and is a {type(value).__name__}") from error
