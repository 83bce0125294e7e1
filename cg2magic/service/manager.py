"""The kernel's one resident model, and the thread that loads it and writes with it.

Requests and loads wait in one queue, and one worker thread serves them in order. So the kernel stays free,
two requests never compete for the cores, and memory holds one model at a time.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeGuard

from cg2magic.engines.opening import open_engine
from cg2magic.engines.servers import refuse_secrets
from cg2magic.engines.spec import ModelSpec
from cg2magic.errors import FormatError, LoadError, UsageError
from cg2magic.models import memory
from cg2magic.progress import Listener, Progress, Watch
from cg2magic.request import Request, Suggestion
from cg2magic.service.call import Call, T
from cg2magic.service.checks import Checks
from cg2magic.service.job import Job

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cg2magic.engines.engine import Engine
    from cg2magic.engines.remote.model import RemoteModel
    from cg2magic.likelihood import Score
    from cg2magic.models.loading import LoadedModel

#: The id of requests that nobody waits for.
_ASIDE = 0
#: How many suggestions `%cg2 history` remembers; they hold text, not tensors.
_HISTORY = 500


@dataclass(slots=True)
class Entry:
    """A job in the history and what became of its candidates, by index."""

    job: Job
    time: float
    outcomes: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Status:
    """What the manager is doing.

    Attributes
    ----------
    model : LoadedModel, RemoteModel or None
    queued : int
        Requests waiting.
    writing : int or None
        Id of the job being served.
    tokens_per_second : float
        Of the last request that wrote.
    process_memory : int
        Bytes of memory the kernel's process holds.
    """

    model: LoadedModel | RemoteModel | None
    queued: int
    writing: int | None
    tokens_per_second: float
    process_memory: int


class Manager:
    """Holds the resident model and serves requests, one at a time."""

    def __init__(self) -> None:
        self.default = ModelSpec("mini")
        self.history: deque[Entry] = deque(maxlen=_HISTORY)
        self.checks = Checks()
        self._ids = itertools.count(1)
        self._queue: deque[Job | Call[Any]] = deque()
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None
        self._current: Job | Call[Any] | None = None
        self._engine: Engine | None = None
        self._spec: ModelSpec | None = None
        self._speed = 0.0
        #: Called on any thread when a model has been loaded, even the same again, or unloaded.
        self.model_changed: Callable[[], None] = lambda: None

    # Any thread may call the methods below.

    def submit(
        self,
        request: Request,
        suggestions: tuple[Suggestion, ...] = (),
        late: Callable[[], Request] | None = None,
        *,
        place: int | None = None,
        is_ranked: bool = False,
    ) -> Job:
        """Queue a request; it is served once those before it are done.

        The parameters are those of `Job`; `late` is called on the worker's thread.
        """
        refuse_secrets(request.model)
        job = Job(
            next(self._ids),
            request,
            self._drop_cancelled,
            suggestions,
            late,
            place=place,
            is_ranked=is_ranked,
        )
        self.history.append(Entry(job, time.time()))
        self._enqueue(job)
        return job

    def aside(self, request: Request) -> Job | None:
        """Serve a request that nobody waits for, such as a suggestion while somebody types.

        It is not in the history. It replaces the last such request, and is given up as soon as anything
        else is requested.

        Returns
        -------
        Job or None
            None if no model is resident, or if the worker is busy with something that somebody waits for.
        """
        with self._changed:
            others = [item for item in self._unfinished() if not _is_aside(item)]
            if self._engine is None or others:
                return None
        job = Job(_ASIDE, request, self._drop_cancelled)
        self._enqueue(job)
        return job

    def load(
        self,
        name: str,
        *,
        device: str = "auto",
        precision: str = "auto",
        groups: int | None = None,
        compile: bool | None = None,  # noqa: A002 - its name in torch
        served: str | None = None,
        tokenizer: str | None = None,
        on_progress: Listener | None = None,
    ) -> LoadedModel | RemoteModel:
        """Load a model on the worker thread and wait for it; Ctrl-C gives up.

        Raises
        ------
        LoadError
            With a message of one line; the model that was resident stays.
        """
        spec = ModelSpec(name, device, precision, groups, compile, served, tokenizer)
        loaded = self._call(Call(spec, lambda engine, _: engine.loaded, on_progress))
        self.model_changed()
        return loaded

    def wake(self) -> LoadedModel | RemoteModel:
        """Load the default model if none is resident, as `load` does."""
        return self._call(Call(None, lambda engine, _: engine.loaded, None))

    def score(self, text: str, model: str | None = None, on_progress: Listener | None = None) -> Score:
        """Score a text on the worker thread, with `model` or the resident one; Ctrl-C gives up.

        Raises
        ------
        LoadError, UsageError, GenerationError
        """
        if not text:
            raise UsageError("the text to score is empty: give it a line of code")
        spec = ModelSpec(model) if model else None

        def work(engine: Engine, watch: Watch) -> Score:
            return engine.score(text, watch)

        return self._call(Call(spec, work, on_progress))

    def embed(
        self, texts: Sequence[str], model: str | None = None, on_progress: Listener | None = None
    ) -> NDArray[np.float32]:
        """Compute the features of texts on the worker thread, as `score` does."""
        spec = ModelSpec(model) if model else None

        def work(engine: Engine, watch: Watch) -> NDArray[np.float32]:
            return engine.embed(texts, watch)

        return self._call(Call(spec, work, on_progress))

    def _call(self, call: Call[T]) -> T:
        """Queue a call and wait for it."""
        self._enqueue(call)
        return call.answer()

    def cancel(self, job_id: int | None = None) -> int:
        """Stop the job with this id, or all jobs; return how many were not finished yet."""
        with self._changed:
            waiting = [*self._queue, self._current, *self.checks.jobs()]
        jobs = [j for j in waiting if isinstance(j, Job) and job_id in (None, j.id)]
        for job in jobs:
            job.cancel()
        return len(jobs)

    def record(self, job_id: int, candidate: int, outcome: str) -> None:
        """Remember what became of a candidate, for the history."""
        for entry in self.history:
            if entry.job.id == job_id:
                entry.outcomes[candidate] = outcome

    def unload(self) -> memory.Unloaded | None:
        """Free the model's memory. Anything being written is stopped first.

        Whoever keeps what `load` returned keeps only the facts about the model, not its weights.

        Returns
        -------
        Unloaded or None
            What was freed; None if there was no model.
        """
        before = memory.held()
        self.cancel()
        with self._changed:
            for item in (*self._queue, self._current):
                if isinstance(item, Call):
                    item.cancelled.set()
            while self._current is not None or self._queue:
                self._changed.wait()
            engine, self._engine, self._spec = self._engine, None, None
        if engine is None:
            memory.release()
            return None
        weights = engine.close()
        memory.release()
        self.model_changed()
        after = memory.held()
        return memory.Unloaded(
            engine.loaded.name,
            max(0, before.process - after.process),
            max(0, before.gpu - after.gpu),
            is_held=weights() is not None,
        )

    def status(self) -> Status:
        """What is loaded, what is waiting, and how fast the last request was."""
        with self._changed:
            current, engine = self._current, self._engine
            queued = sum(isinstance(item, Job) for item in self._queue)
        return Status(
            model=engine.loaded if engine else None,
            queued=queued,
            writing=current.id if isinstance(current, Job) else None,
            tokens_per_second=self._speed,
            process_memory=memory.held().process,
        )

    @property
    def holds_a_model(self) -> bool:
        """Whether a model is resident."""
        return self._engine is not None

    def close(self) -> None:
        """Stop everything, including the worker thread; a later request starts a new one."""
        self.unload()
        self.checks.close()
        with self._changed:
            worker, self._worker = self._worker, None
            self._changed.notify_all()
        if worker is not None and worker is not threading.current_thread():
            worker.join()

    # The worker.

    def _enqueue(self, item: Job | Call[Any]) -> None:
        with self._changed:
            asides = [item for item in self._unfinished() if _is_aside(item)]
            self._queue.append(item)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="cg2magic", daemon=True)
                self._worker.start()
            self._changed.notify_all()
        for job in asides:
            job.cancel()
        self._report_positions()

    def _unfinished(self) -> list[Job | Call[Any]]:
        """What is being served and what waits; call this with the lock held."""
        return [*([] if self._current is None else [self._current]), *self._queue]

    def _work(self) -> None:
        me = threading.current_thread()
        while True:
            with self._changed:
                self._current = None
                self._changed.notify_all()
                while not self._queue and self._worker is me:
                    self._changed.wait()
                if self._worker is not me:
                    return
                item = self._current = self._queue.popleft()
            self._report_positions()
            if isinstance(item, Call):
                self._serve_call(item)
            else:
                self._serve_job(item)
            del item  # while this thread waits for the next one, it must not hold a model

    def _serve_call(self, call: Call[Any]) -> None:
        try:
            spec = call.spec or self._spec or self.default
            call.serve(self._resident(spec, call.watch))
        except Exception as error:  # noqa: BLE001 - raised again in the waiting thread
            _end(call, error)

    def _serve_job(self, job: Job) -> None:
        if job.cancelled.is_set():
            job.update(state="stopped")
            return
        try:
            wanted = ModelSpec(job.request.model) if job.request.model else self._spec or self.default

            def show(progress: Progress) -> None:
                job.update(state="loading", model=wanted.name, progress=progress)

            engine = self._resident(wanted, Watch(show, job.cancelled.is_set))
            job.settle()
            job.update(state="writing", model=engine.loaded.name, progress=None)
            written = engine.generate(job.request, job.wrote, job.cancelled.is_set)
            stopped = any(s.finish_reason == "cancelled" for s in written.suggestions)
            job.wrote(written.suggestions)
            job.update(seen=written.seen)
            self._speed = job.snapshot().tokens_per_second or self._speed
            if stopped:
                job.update(state="stopped", notes=written.notes)
            else:
                job.merge()
                self.checks.finish(job, written.notes)
        except Exception as error:  # noqa: BLE001 - shown in the panel, raised by result()
            if job.cancelled.is_set() and isinstance(error, LoadError):
                job.update(state="stopped", progress=None)
                memory.release()
            else:
                _end(job, error)

    def _resident(self, spec: ModelSpec, watch: Watch) -> Engine:
        """The engine for `spec`; the resident one is closed only once the new one is there."""
        held, engine = self._spec, self._engine
        if held is not None and engine is not None and spec.is_met_by(held, engine.loaded):
            return engine
        engine = open_engine(spec, watch, engine.loaded if engine else None)
        with self._changed:
            before, self._engine, self._spec = self._engine, engine, spec
        if before is not None:
            before.close()
        memory.release()
        self.model_changed()
        return engine

    def _drop_cancelled(self) -> None:
        """Take cancelled jobs out of the queue at once: they need not wait for their turn."""
        with self._changed:
            dropped = [item for item in self._queue if isinstance(item, Job) and item.cancelled.is_set()]
            for job in dropped:
                self._queue.remove(job)
        for job in dropped:
            job.update(state="stopped")
        self._report_positions()

    def _report_positions(self) -> None:
        with self._changed:
            waiting = list(self._queue)
            ahead = 1 if self._current is not None else 0
        for job in waiting:
            if isinstance(job, Job) and job.snapshot().position != ahead:
                job.update(position=ahead)
            ahead += 1


def _is_aside(item: Job | Call[Any]) -> TypeGuard[Job]:
    return isinstance(item, Job) and item.id == _ASIDE


def _end(item: Job | Call[Any], error: Exception) -> None:
    item.fail(error)
    if not isinstance(error, (UsageError, FormatError)):
        # Free what it was using when it failed: half a model, or a pass that was too large.
        memory.release()


@cache
def manager() -> Manager:
    """The kernel's manager, made when it is first needed."""
    return Manager()
