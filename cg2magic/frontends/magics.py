"""The magics: a cell and its options become a `Request`, and its `Job` is shown where the person is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from IPython.core.error import UsageError as ShellUsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import magic_arguments
from traitlets import Bool, Bunch, CaselessStrEnum, Float, Int, TraitError, Unicode, observe, validate

from cg2magic.context.settings import LEVELS, Settings
from cg2magic.engines.spec import SERVERS, refuse_secrets
from cg2magic.errors import Cg2Error, UsageError
from cg2magic.formats import FillInMiddle
from cg2magic.frontends import check_code, commands, interrupts
from cg2magic.frontends import present as frontend
from cg2magic.frontends.inline import Switch
from cg2magic.frontends.notebook import Notebook
from cg2magic.frontends.options import INSERT, arguments, generation_options, hole_options, score_options
from cg2magic.frontends.pages import Page
from cg2magic.request import DEFAULTS, Request, Sampling
from cg2magic.service import checks as checking
from cg2magic.service import preload
from cg2magic.service.job import Job
from cg2magic.service.manager import ModelSpec, manager
from cg2magic.syntax import cursor, languages

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


@magics_class
class CG2(Magics):
    """What `%config CG2` shows: the defaults of `%%complete` and `%%infill`."""

    model = Unicode("mini", help="The model to load when none is loaded: a name, or a server's address.").tag(
        config=True
    )
    device = Unicode("auto", help="Where it runs: auto, cpu, cuda, cuda:1, mps.").tag(config=True)
    tokenizer = Unicode(
        "",
        help="Tokenizer of a model on a server, if its name there doesn't tell: a name, Hub id or folder.",
    ).tag(config=True)
    server_timeout = Float(
        SERVERS.timeout, min=0.1, help="Seconds a server may be silent before we give up."
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
        help="What the model sees: none (the cell alone), cell (and what the kernel knows of its names), "
        "notebook (and the other cells).",
    ).tag(config=True)
    context_tokens = Int(2048, min=1, help="The most tokens of prompt, answer and context together.").tag(
        config=True
    )
    vars = Unicode("auto", help="Variables to describe: auto (those in the cell), none, or names.").tag(
        config=True
    )
    vars_values = Bool(default_value=False, help="Describe some of their values too.").tag(config=True)
    allow_execution = CaselessStrEnum(
        ("nothing", "sandbox", "unconfined"),
        "nothing",
        help="What --check may do: nothing, run candidates in a sandbox, or run them with limits only.",
    ).tag(config=True)
    check_memory = Float(checking.MEMORY, min=0.1, help="GiB of memory for a candidate and its --check.").tag(
        config=True
    )
    check_seconds = Float(
        checking.SECONDS, min=1, help="Seconds of processor time for a candidate and its --check."
    ).tag(config=True)
    insert = CaselessStrEnum(
        INSERT, "ask", help="What to do with the first candidate: ask (buttons), below, replace, none."
    ).tag(config=True)

    inline = Bool(
        default_value=False, help="Suggest in the cell while you type (ghost text); loads the model at once."
    ).tag(config=True)
    inline_floor = Float(
        0.35,
        min=0.0,
        max=1.0,
        help="Ghost text ends where the mean probability of its tokens falls below this.",
    ).tag(config=True)
    inline_samples = Int(3, min=1, help="How many candidates Alt+\\ asks for in the cell.").tag(config=True)
    preload = Bool(
        default_value=False, help="Import torch in the background at once, not with the first request."
    ).tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._notebook = Notebook(shell)
        self.apply_config()

    @observe("preload")
    def _start_preload(self, change: Bunch) -> None:
        if change.new:
            preload.start()

    #: Set where there are pages.
    ghosts: Switch | None = None

    @classmethod
    def enter(cls, shell: InteractiveShell) -> None:
        """Register the magics in a shell."""
        cg2 = cls(shell)
        shell.register_magics(cg2)
        interrupts.enter(shell)
        if hasattr(shell, "kernel"):
            cg2.ghosts = Switch(cg2)

    @classmethod
    def leave(cls, shell: InteractiveShell) -> None:
        """Undo `enter`, and end what is running."""
        for kind, names in (("cell", ("complete", "infill", "score")), ("line", ("cg2",))):
            for name in names:
                shell.magics_manager.magics[kind].pop(name, None)
        cg2 = shell.magics_manager.registry.pop(cls.__name__, None)
        if cg2 is not None and cg2.ghosts is not None:
            cg2.ghosts.close()
        shell.configurables[:] = [c for c in shell.configurables if not isinstance(c, cls)]
        interrupts.leave(shell)
        manager().close()
        manager.cache_clear()

    @magic_arguments()
    @generation_options
    @no_var_expand
    @cell_magic
    def complete(self, line: str, cell: str) -> None:
        """Let the model continue where the cell ends.

        The cell is the prompt. A panel below it shows the suggestion while it is written; press
        *Insert below* to get a new cell with the whole code. The kernel stays free meanwhile.
        Code that a model wrote is never run unless you run it. Switch on *heat map* in the panel to see
        how likely each token was, or to pick another one and continue from there::

            In [1]: %%complete
               ...: def hello_world():

            In [2]: %%complete -n 3 -t 0.8 -m 40
               ...: import pandas as pd
               ...: df = pd.read_csv("titanic.csv")
               ...: df.groupby(

        With ``--check`` each candidate is run together with the code that you give, and those that pass
        come first. They run in a sandbox, without your files, variables and network, so the cell must work
        on its own; and only after you have allowed it, with the button in the panel or `%cg2 allow`. CODE
        may also be the name of a variable that holds longer code, or of a function to call. If you give
        several, all of them are run. Put values with spaces or a # in quotes. A comment may follow the
        options. IPython's $name and {name} are not expanded::

            In [3]: %%complete -n 10 -t 0.6 --check "assert add(2, 3) == 5"
               ...: def add(a, b):

        The model sees the rest of the notebook too, as far as there is room: the cells above (in an infill
        also those below), and a line with type and shape for each variable that the cell mentions.
        *Prompt* in the panel shows everything it read. If no page can send the cells (in a terminal or
        VS Code, and with --wait or -o if ipykernel is older than 7), it sees those that were executed.
        ``--context cell`` leaves out the other cells, ``--context none`` the variables too, and ``--vars``
        names the variables to describe::

            In [4]: %%complete --context cell --vars df columns
               ...: df[

        Another cell magic below this line sets the language, and goes on top of the new cell again::

            In [5]: %%complete
               ...: %%bash
               ...: for file in *.csv; do
        """
        with _short_errors():
            header, code = languages.split_header(_text(cell))
            args = self._options(self.complete, line, header)
            self._serve((code,), args)

    @magic_arguments()
    @hole_options
    @generation_options
    @no_var_expand
    @cell_magic
    def infill(self, line: str, cell: str) -> None:
        r"""Let the model fill the holes of the cell.

        Put a | where text is missing, once or several times. A | that is alone on its line is a hole, and
        so is one where no operator can be, as in x = | or f(a, |). If the cell has such a hole, every
        other | in it is an operator, as in a | b, or text. A single | may also be at either end of a
        string or a comment, as in "Hello |". If it is not clear which | are holes, as in r"a|b" without
        another hole, an error asks you: write \| where it is not a hole, or choose another mark with
        --cursor. In strings and comments \| is part of your text and is left alone::

            In [1]: %%infill
               ...: def hello_world():
               ...:     |
               ...:     return name

            In [2]: %%infill
               ...: def union(a: set | None, b: set):
               ...:     return |

            In [3]: %%infill --cursor ___
               ...: names = re.findall(r"Ada|___", text)

        The model sees the cells above and below, and what the kernel knows about the names: see
        ``--context`` and ``--vars`` in `%%complete?`.
        """
        with _short_errors():
            header, code = languages.split_header(_text(cell))
            args = self._options(self.infill, line, header)
            parts = cursor.split(code, mark=args.cursor, language=args.language)
            form = FillInMiddle.of_tokens(args.prefix_token, args.suffix_token, args.middle_token)
            self._serve(parts, args, form)

    @magic_arguments()
    @score_options
    @no_var_expand
    @cell_magic
    def score(self, line: str, cell: str) -> None:
        """See how likely the model finds the cell, token by token.

        The cell is not run. It is shown as a heat map: the stronger a token's tint and underline, the
        less the model expected it. Point at a token, or move with Tab and the arrow keys, to see its
        probability and the five likeliest tokens there. Above the code you see its log-probability (in
        nats), the mean per token, the perplexity, and the bits per byte::

            In [1]: %%score
               ...: import numpy as np
               ...: x = np.linspace(0, 10, 100)

            In [2]: %%score -o s
               ...: for i in range(10):
               ...:     print(i)

            In [3]: s.perplexity, s.tokens[0].alternatives, s.to_frame()

        The first token has no tint, because nothing before it could predict it. A cell magic on top of the
        cell, such as %%bash, is not scored.
        """
        from IPython.display import display

        from cg2magic import score

        with _short_errors():
            args = arguments(self.score, line)
            self.apply_config()
            _, code = languages.split_header(_text(cell))
            scored = score(code, model=args.model)
        display(scored)
        if args.output:
            self.shell.user_ns[args.output] = scored

    @no_var_expand
    @line_magic
    def cg2(self, line: str) -> None:  # noqa: D102 - below
        with _short_errors():
            self.apply_config()
            commands.run(line, self.shell)

    cg2.__doc__ = commands.overview()  # what `%cg2?` shows

    @validate("model")
    def _without_secrets(self, proposal: Bunch) -> str:
        try:
            refuse_secrets(proposal.value)
        except UsageError as error:
            raise TraitError(str(error)) from None
        return proposal.value

    @observe("server_timeout")
    def _wait_for_servers(self, change: Bunch) -> None:
        SERVERS.timeout = change.new

    def apply_config(self) -> None:
        """Tell the manager what is allowed, and which model to load when none is loaded."""
        manager().checks.terms = self
        manager().default = ModelSpec(
            self.model, self.device, self.precision, tokenizer=self.tokenizer or None
        )

    def _options(self, magic: object, line: str, header: str) -> argparse.Namespace:
        """Read the options of a magic's line; those not given come from `%config CG2`."""
        args = arguments(magic, line)
        args.header = header
        args.language = args.language or languages.of_header(header)
        # Without --model the resident model answers, whatever the configured default is.
        for name in set(vars(args)) - {"model"}:
            if getattr(args, name) is None and self.has_trait(name):
                setattr(args, name, getattr(self, name))
        return args

    def _settings(self, args: argparse.Namespace) -> Settings:
        """What the model may see of the notebook."""
        said = args.vars if isinstance(args.vars, str) else " ".join(args.vars)
        names = said.replace(",", " ").split()
        unknown = [name for name in names if name not in self.shell.user_ns]
        if unknown and names not in (["auto"], ["none"]):
            raise UsageError(f"--vars: there is no variable {unknown[0]}; auto describes those in the cell")
        return Settings.of_options(
            args.context, " ".join(names), values=args.vars_values, tokens=self.context_tokens
        )

    def _submit(self, request: Request, settings: Settings, *, wait: bool) -> tuple[Job, Page | None]:
        """Queue a request with its context, which its page may still have to send."""
        request = self._notebook.seen_by_kernel(request, settings)
        page = None
        if settings.level != "none":
            pages = self.ghosts.pages if self.ghosts else None
            page = frontend.page_of(self.shell, wait=wait, pages=pages)
        if page is None:
            return manager().submit(request), None
        late = partial(self._notebook.seen_by_page, page, request, settings)
        return manager().submit(request, late=late), page

    def _serve(
        self, parts: tuple[str, ...], args: argparse.Namespace, form: FillInMiddle | None = None
    ) -> None:
        if not any(part.strip() for part in parts):
            raise UsageError("the cell is empty: write the beginning of some code in it")
        sampling = Sampling.of_options(args)
        check = check_code.read(args.check or (), self.shell.user_ns, args.language)
        self.apply_config()
        request = Request(
            parts, sampling, args.language, args.model, check=check, header=args.header, form=form
        )
        wait = args.wait or bool(args.output)
        job, page = self._submit(request, self._settings(args), wait=wait)
        frontend.present(job, self.shell, insert=args.insert, wait=wait, page=page)
        if args.output:
            self.shell.user_ns[args.output] = job.result()


@contextmanager
def _short_errors() -> Iterator[None]:
    """Show our own errors as one line in the cell, without a traceback."""
    try:
        yield
    except Cg2Error as error:
        raise ShellUsageError(str(error)) from None


def _text(cell: str) -> str:
    """The cell as the person wrote it: IPython ends it with a newline of its own."""
    return cell.removesuffix("\n")
