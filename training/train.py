"""The training loop: Muon and AdamW, a schedule driven by the hours spent, checkpoints that resume.

State files of a run, in its folder: ``state.pt`` (the newest), ``before_decay.pt`` (kept from the moment the
learning rate begins to fall: a later session goes on from there with more ``hours``), ``log.csv``.
"""

from __future__ import annotations

import csv
import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import Tensor

from training.batches import Batches, Documents, Mixture
from training.export import from_codegen
from training.model import ChunkedLoss, Mini, Shape, precision
from training.muon import Muon
from training.team import Team

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Plan:
    """How long and how to train.

    Attributes
    ----------
    hours : float
        Time in the loop over all sessions of the run. The schedule follows it: a busy machine costs tokens.
    until : float
        Time of day at which the run is to end if the hours are not spent by then, in seconds since the epoch.
    decay, long : float
        Share of the time in which the learning rate falls to zero; share at the end with twice the context.
    rows, context : int
        Samples in a batch, and their tokens.
    muon, adam : float
        Learning rates of the matrices of the blocks, and of everything else.
    average : float
        Decay of the running average of the weights, by step.
    """

    hours: float
    until: float = math.inf
    decay: float = 0.5
    long: float = 0.1
    rows: int = 8
    context: int = 512
    muon: float = 0.01
    adam: float = 2e-3
    warmup_steps: int = 60
    average: float = 0.995
    seed: int = 0
    save_minutes: float = 4.0
    compile: bool = True

    def rate(self, step: int, done: float) -> float:
        """Return the factor of the learning rates at a step, when such a share of the time is over."""
        return min(1.0, (step + 1) / self.warmup_steps, max(0.0, (1 - done) / self.decay))


@dataclass(frozen=True)
class Past:
    """What a checkpoint has behind it that a run begins from."""

    steps: int = 0
    tokens: int = 0
    hours: float = 0.0


class Run:
    """One training, in one folder."""

    def __init__(
        self,
        folder: Path,
        shape: Shape,
        plan: Plan,
        tokenizer: Tokenizer,
        documents: dict[str, Documents],
        mixture: Mixture,
        team: Team,
        start: Path | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(plan.seed)
        self.folder, self.plan, self.tokenizer, self.documents, self.mixture = (
            folder,
            plan,
            tokenizer,
            documents,
            mixture,
        )
        self.team = team
        self._decay_was_asked = False
        self.model, self.past = Mini(shape), Past()
        if start:
            self._begin_from(start)
        matrices = [weight for weight in self.model.blocks.parameters() if weight.ndim == 2]
        chosen = {id(weight) for weight in matrices}
        rest = [weight for weight in self.model.parameters() if id(weight) not in chosen]
        self.optimizers = [
            Muon(matrices, team, precision(), lr=plan.muon),
            torch.optim.AdamW(rest, lr=plan.adam, betas=(0.9, 0.95), weight_decay=0.01, fused=True),
        ]
        self.average = {name: weight.clone() for name, weight in self.model.state_dict().items()}
        self.step, self.tokens, self.seconds, self.done = 0, 0, 0.0, 0.0
        self._clock = time.monotonic()
        self._resume()

    def _begin_from(self, folder: Path) -> None:
        """Take the weights of an exported checkpoint, and what its figures say it has behind it."""
        self.model.load_state_dict(from_codegen(load_file(folder / "model.safetensors"), self.model.shape))
        figures = folder / "figures.json"
        self.past = Past(**json.loads(figures.read_text())["training"]) if figures.exists() else Past()

    def _resume(self) -> None:
        newest = self.folder / "state.pt"
        if not newest.exists():
            return
        state = torch.load(newest, weights_only=True)
        earlier = self.folder / "before_decay.pt"
        if state["hours"] < self.plan.hours and state["decaying"] and earlier.exists():
            state = torch.load(earlier, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.average = state["average"]
        self.step, self.tokens, self.seconds = state["step"], state["tokens"], state["seconds"]
        self.done, self.past = self._share_done(), Past(**state["past"])
        print(
            f"resumed at step {self.step}, {self.tokens / 1e6:.1f} M tokens, {self.seconds / 60:.0f} minutes",
            flush=True,
        )

    def save(self, name: str = "state.pt") -> None:
        """Write the state; the old file stays whole until the new one is."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "past": asdict(self.past),
            "hours": self.plan.hours,
            "decaying": self.done > 1 - self.plan.decay,
            "shape": asdict(self.model.shape),
        }
        torch.save(state, self.folder / "part")
        (self.folder / "part").rename(self.folder / name)

    def _batches(self, rows: int, context: int) -> Batches:
        rows = max(1, rows // self.team.size)
        return Batches(
            self.tokenizer,
            self.documents["train"],
            self.mixture,
            rows=rows,
            context=context,
            seed=self.plan.seed,
        )

    def train(self) -> None:
        """Train until the time is over."""
        plan = self.plan
        hidden = torch.compile(self.model, dynamic=False) if plan.compile else self.model
        batches = self._batches(plan.rows, plan.context)
        saved = logged = self._clock = time.monotonic()
        long = False
        losses: list[float] = []
        while self.done < 1:
            if not long and self.done > 1 - plan.long:
                long = True
                batches = self._batches(max(1, plan.rows // 2), 2 * plan.context)
            rate = plan.rate(self.step, self.done)
            decaying = self.step > plan.warmup_steps and rate < 1
            if decaying and self.team.leads and self._decay_is_new():
                self.save("before_decay.pt")
            number = (self.past.steps + self.step) * self.team.size + self.team.rank
            losses.append(self._train_step(hidden, rate, *batches.batch(number, rate)))
            if not self.team.leads:
                continue
            if time.monotonic() - logged > 480:
                self._log(sum(losses) / len(losses))
                losses, logged = [], time.monotonic()
                self._clock = logged
            if time.monotonic() - saved > plan.save_minutes * 60:
                self.save()
                saved = time.monotonic()
        if self.team.leads:
            if losses:
                self._log(sum(losses) / len(losses))
            self.save()

    def _decay_is_new(self) -> bool:
        """Whether no state is kept from before the decay, or one of an earlier, shorter plan."""
        if self._decay_was_asked:
            return False
        if not (self.folder / "before_decay.pt").exists():
            return True
        kept = torch.load(self.folder / "before_decay.pt", weights_only=True, mmap=True)
        self._decay_was_asked = True  # once a session is enough
        return kept["hours"] < self.plan.hours

    def _share_done(self) -> float:
        left = min(self.plan.hours * 3600 - self.seconds, self.plan.until - time.time())
        return self.seconds / (self.seconds + left) if left > 0 else 1.0

    def _train_step(
        self, hidden: torch.nn.Module, rate: float, ids: Tensor, targets: Tensor, weights: Tensor
    ) -> float:
        for optimizer, base in zip(self.optimizers, (self.plan.muon, self.plan.adam), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = base * rate
        with self._autocast():
            h = hidden(ids)
        scale = weights.flatten()
        total, losses = ChunkedLoss.apply(
            h.flatten(0, 1).to(precision()),
            self.model.head.weight,
            self.model.head.bias,
            targets.flatten(),
            scale / (scale.sum() * self.team.size),
            512,
        )
        total.backward()
        # A suspended process, or a compilation, is not training time.
        now = time.monotonic()
        self.seconds += min(now - self._clock, 30.0)
        self._clock = now
        gradients = [weight.grad for weight in self.model.parameters()]
        self.seconds, self.done = self.team.sum(gradients, (self.seconds, self._share_done()))
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += h.shape[0] * h.shape[1] * self.team.size
        # Early on the average follows closely, so that a short run is not dragged back to its beginning.
        decay = min(self.plan.average, (self.step + 1) / (self.step + 10))
        for name, weight in self.model.state_dict().items():
            self.average[name].lerp_(weight, 1 - decay)
        return losses.mean().item()

    @staticmethod
    def _autocast() -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=precision() is torch.bfloat16)

    def _log(self, loss: float) -> None:
        causal, fills = self.validate()
        path = self.folder / "log.csv"
        fresh = not path.exists()
        row = {
            "seconds": round(self.seconds),
            "step": self.step,
            "tokens": self.past.tokens + self.tokens,
            "rate": round(self.plan.rate(self.step, self.done), 4),
            "train": round(loss, 4),
            "causal": round(causal, 4),
            "fills": round(fills, 4),
        }
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        print(" ".join(f"{key} {value}" for key, value in row.items()), flush=True)

    @torch.no_grad()
    def validate(self) -> tuple[float, float]:
        """Return the averaged weights' loss on held-out files, nats a token: of text, and of fills."""
        if not hasattr(self, "_fixed"):
            plain = Mixture(infill=0.0, copies=0.0)
            kinds = (plain, replace(plain, infill=1.0, rest=0.0, causal=0.0))
            rows = {"rows": 8, "context": self.plan.context, "seed": 1}
            self._fixed = [
                Batches(self.tokenizer, self.documents["held out"], kind, **rows).batch(0) for kind in kinds
            ]
            self._shadow = Mini(self.model.shape)
        self._shadow.load_state_dict(self.average)
        results = []
        for ids, targets, weights in self._fixed:
            with self._autocast():
                logits = self._shadow.logits(ids)
            loss = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1).float(), targets.flatten(), reduction="none"
            )
            scale = weights.flatten()
            results.append((loss * scale).sum().item() / max(1.0, scale.sum().item()))
        return results[0], results[1] if math.isfinite(results[1]) else math.nan
