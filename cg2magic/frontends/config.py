"""What `%config CG2` shows: the traits, and what happens when one of them changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics
from traitlets import Bool, Bunch, CaselessStrEnum, Dict, Float, Int, TraitError, Unicode, observe, validate

from cg2magic.context.settings import GROUND, LEVELS
from cg2magic.engines.servers import SERVERS, refuse_secrets, server_of
from cg2magic.engines.spec import ModelSpec
from cg2magic.errors import UsageError
from cg2magic.frontends.options import INSERT
from cg2magic.request import DEFAULTS
from cg2magic.service import consent, preload
from cg2magic.service.manager import manager
from cg2magic.wording import one_line

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class Config(Magics):
    """The defaults of the magics, and what the person allows."""

    shell: InteractiveShell  # there is always one

    model = Unicode("mini", help="The model to load when none is loaded: a name, or a server's address.").tag(
        config=True
    )
    device = Unicode("auto", help="Where it runs: auto, cpu, cuda, cuda:1, mps.").tag(config=True)
    tokenizer = Unicode(
        "",
        help="Tokenizer of a model on a server, if its name there doesn't identify it: a name, Hub id or "
        "folder.",
    ).tag(config=True)
    server_timeout = Float(
        SERVERS.timeout, min=0.1, help="How many seconds a server may be silent before we give up."
    ).tag(config=True)
    servers = Dict(
        help="Servers by name: {'ours': {'url': …, 'model': …, 'tokenizer': …, 'key': the environment "
        "variable with the key, 'headers': {…}, 'timeout': …}}; `%cg2 load ours` loads it."
    ).tag(config=True)
    precision = Unicode("auto", help="Precision of its weights: auto, int8, fp32, bf16, fp16.").tag(
        config=True
    )
    samples = Int(DEFAULTS.n, min=1, help="How many candidates.").tag(config=True)
    max_new_tokens = Int(DEFAULTS.max_new_tokens, min=1, help="The most tokens to write, for each hole.").tag(
        config=True
    )
    temperature = Float(DEFAULTS.temperature, min=0.0, help="0 is greedy.").tag(config=True)
    top_p = Float(DEFAULTS.top_p, help="Nucleus sampling; used when temperature is above 0.").tag(config=True)
    top_k = Int(DEFAULTS.top_k, min=0, help="Sample from the k likeliest tokens; 0 for all.").tag(config=True)
    language = Unicode("python", help="The language of the cells.").tag(config=True)
    context = CaselessStrEnum(
        LEVELS,
        "notebook",
        help="What the model sees: none (the cell alone), cell (also what the kernel knows of its names), "
        "notebook (also the other cells).",
    ).tag(config=True)
    context_tokens = Int(2048, min=1, help="The most tokens of prompt, answer and context together.").tag(
        config=True
    )
    vars = Unicode("auto", help="Variables to describe: auto (those in the cell), none, or names.").tag(
        config=True
    )
    ground = CaselessStrEnum(
        GROUND,
        "auto",
        help="Whether the names of attributes, columns and keys must be in the kernel: auto, none.",
    ).tag(config=True)
    vars_values = Bool(default_value=False, help="Describe some of their values too.").tag(config=True)
    allow_execution = CaselessStrEnum(
        ("nothing", "sandbox", "unconfined"),
        "nothing",
        help="What --check may do: nothing, run candidates in a sandbox, or run them with limits only.",
    ).tag(config=True)
    check_memory = Float(consent.MEMORY, min=0.1, help="GiB of memory for a candidate and its --check.").tag(
        config=True
    )
    check_seconds = Float(
        consent.SECONDS, min=1, help="Seconds of processor time for a candidate and its --check."
    ).tag(config=True)
    insert = CaselessStrEnum(
        INSERT, "ask", help="What to do with the first candidate: ask (buttons), below, replace, none."
    ).tag(config=True)

    inline = Bool(
        default_value=False, help="Suggest in the cell while you type (ghost text); loads the model at once."
    ).tag(config=True)
    inline_on_demand = Bool(
        default_value=False, help="Suggest in the cell only when asked, with Alt+\\, and not at each key."
    ).tag(config=True)
    inline_floor = Float(
        None,
        allow_none=True,
        min=0.0,
        max=1.0,
        help="Ghost text ends before a token less probable than this; None: learned from the model.",
    ).tag(config=True)
    inline_samples = Int(3, min=1, help="How many candidates Alt+\\ asks for in the cell.").tag(config=True)
    preload = Bool(
        default_value=False, help="Import torch in the background at once, not with the first request."
    ).tag(config=True)

    @observe("preload")
    def _start_preload(self, change: Bunch) -> None:
        if change.new:
            preload.start()

    @validate("model")
    def _without_secrets(self, proposal: Bunch) -> str:
        try:
            refuse_secrets(proposal.value)
        except UsageError as error:
            raise TraitError(str(error)) from None
        return proposal.value

    @validate("servers")
    def _are_servers(self, proposal: Bunch) -> dict[str, Any]:
        try:
            for name, settings in proposal.value.items():
                server_of(name, settings)
        except (UsageError, TypeError, AttributeError) as error:
            raise TraitError(one_line(error)) from None
        return proposal.value

    @observe("servers")
    def _name_servers(self, change: Bunch) -> None:
        SERVERS.named = {name: server_of(name, settings) for name, settings in change.new.items()}

    @observe("server_timeout")
    def _wait_for_servers(self, change: Bunch) -> None:
        SERVERS.timeout = change.new

    def apply_config(self) -> None:
        """Give the manager what is allowed, and the model to load when none is loaded."""
        manager().checks.consent = self
        manager().default = ModelSpec(
            self.model, self.device, self.precision, tokenizer=self.tokenizer or None
        )
