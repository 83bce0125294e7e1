"""The magics: they turn a cell and its options into a `Request`, and show its `Job` to the person."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from IPython.core.error import UsageError as ShellUsageError
from IPython.core.magic import cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import magic_arguments

from cg2magic.context.settings import Settings
from cg2magic.errors import Cg2Error, UsageError
from cg2magic.formats import FillInMiddle
from cg2magic.frontends import check_option, commands, completion, interrupts
from cg2magic.frontends import present as frontend
from cg2magic.frontends.config import Config
from cg2magic.frontends.greeting import greet
from cg2magic.frontends.inline import Switch
from cg2magic.frontends.notebook import Notebook
from cg2magic.frontends.options import arguments, generation_options, hole_options, score_options
from cg2magic.frontends.pages import Page
from cg2magic.progress import progress_bar
from cg2magic.request import Request, Sampling
from cg2magic.service.job import Job
from cg2magic.service.manager import manager
from cg2magic.syntax import cursor, endings, languages

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


@magics_class
class CG2(Config):
    """What `%config CG2` shows: the defaults of `%%complete` and `%%infill`."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._notebook = Notebook(shell)
        self.apply_config()

    #: Set if there are pages.
    ghosts: Switch | None = None

    @classmethod
    def enter(cls, shell: InteractiveShell) -> None:
        """Register the magics in a shell."""
        cg2 = cls(shell)
        shell.register_magics(cg2)
        interrupts.enter(shell)
        completion.enter(shell)
        if hasattr(shell, "kernel"):
            cg2.ghosts = Switch(cg2)
        greet(shell, cg2)

    @classmethod
    def leave(cls, shell: InteractiveShell) -> None:
        """Undo `enter`, and stop what is running."""
        for kind, names in (("cell", ("complete", "infill", "score")), ("line", ("cg2",))):
            for name in names:
                shell.magics_manager.magics[kind].pop(name, None)
        cg2 = shell.magics_manager.registry.pop(cls.__name__, None)
        if cg2 is not None and cg2.ghosts is not None:
            cg2.ghosts.close()
        shell.configurables[:] = [c for c in shell.configurables if not isinstance(c, cls)]
        interrupts.leave(shell)
        completion.leave(shell)
        manager().close()
        manager.cache_clear()

    @magic_arguments()
    @generation_options
    @no_var_expand
    @cell_magic
    def complete(self, line: str, cell: str) -> None:
        """Let the model continue where the cell ends.

        The cell is the prompt. A panel below it shows the suggestion while it is written; press
        *Insert below* to get a new cell with the whole code. Meanwhile the kernel stays free.
        Code that a model wrote is never run unless you run it. Text that is cut at the length (-m) ends at
        its last whole statement; *Continue* goes on. Switch on *heat map* in the panel to see how likely
        each token was, or to pick another token and continue from there::

            In [1]: %%complete
               ...: def hello_world():

            In [2]: %%complete -n 3 -t 0.8 -m 40
               ...: import pandas as pd
               ...: df = pd.read_csv("titanic.csv")
               ...: df.groupby(

        With ``--check`` each candidate is run together with your code, and those that pass come first.
        They run in a sandbox without your files, variables and network, so the cell must work on its own.
        They run only after you have allowed it, with the button in the panel or `%cg2 allow`. CODE may
        also be the name of a variable that holds longer code, or of a function to call. If you give
        several, all of them are run. Put values with spaces or a # in quotes. A comment may follow the
        options. IPython's $name and {name} are not expanded::

            In [3]: %%complete -n 10 -t 0.6 --check "assert add(2, 3) == 5"
               ...: def add(a, b):

        The model also sees as much of the notebook as fits: the cells above (in an infill also those
        below), and a line with type and shape for each variable that the cell mentions. *Prompt* in the
        panel shows everything it read. If no page can send the cells (in a terminal or VS Code, and with
        --wait or -o if ipykernel is older than 7), it sees those that were executed. ``--context cell``
        leaves out the other cells, ``--context none`` the variables too, and ``--vars`` names the
        variables to describe. Names of attributes, columns and keys are taken from the kernel, unless the
        cell makes them anew; ``--ground none`` lets the model write any::

            In [4]: %%complete --context cell --vars df columns
               ...: df[

        Another cell magic below this line sets the language, and is put at the top of the new cell::

            In [5]: %%complete
               ...: %%bash
               ...: for file in *.csv; do
        """
        with _short_errors():
            header, code = languages.split_header(_text(cell))
            args = self._options(self.complete, line, header)
            self._serve((endings.after_comment(code, args.language),), args)

    @magic_arguments()
    @hole_options
    @generation_options
    @no_var_expand
    @cell_magic
    def infill(self, line: str, cell: str) -> None:
        r"""Let the model fill the holes of the cell.

        Put a | wherever text is missing, once or several times. A | that is alone on its line is a hole,
        and so is one where no operator can be, as in x = | or f(a, |). If the cell has such a hole, every
        other | in it is an operator, as in a | b, or text. A single | may also be at either end of a
        string or a comment, as in "Hello |". If it is not clear which | are holes, as in r"a|b" without
        another hole, an error asks you: write \| where it is not a hole, or choose another mark with
        --cursor. In strings and comments \| is part of your text and is left alone. A cell without any
        mark is filled where the cursor is, in a JupyterLab or Notebook that can say so::

            In [1]: %%infill
               ...: def hello_world():
               ...:     |
               ...:     return name

            In [2]: %%infill
               ...: def union(a: set | None, b: set):
               ...:     return |

            In [3]: %%infill --cursor ___
               ...: names = re.findall(r"Ada|___", text)

        The model sees the cells above and below, and what the kernel knows about the names in the cell:
        see ``--context`` and ``--vars`` in `%%complete?`.
        """
        with _short_errors():
            header, code = languages.split_header(_text(cell))
            args = self._options(self.infill, line, header)
            parts = self._at_cursor(code, args) or cursor.split(
                code, mark=args.cursor, language=args.language
            )
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

        The first token has no tint, because nothing before it could predict it. A cell magic at the top of
        the cell, such as %%bash, is not scored.
        """
        from IPython.display import display

        with _short_errors():
            args = arguments(self.score, line)
            self.apply_config()
            _, code = languages.split_header(_text(cell))
            with progress_bar() as on_progress:
                scored = manager().score(code, args.model, on_progress)
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

    def _options(self, magic: object, line: str, header: str) -> argparse.Namespace:
        """Read the options of a magic's line; those not given come from `%config CG2`."""
        args = arguments(magic, line)
        args.header = header
        args.language = args.language or languages.of_header(header)
        # Without --model the resident model answers, whatever default is configured.
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
            args.context,
            " ".join(names),
            values=args.vars_values,
            tokens=self.context_tokens,
            ground=args.ground,
        )

    def _at_cursor(self, code: str, args: argparse.Namespace) -> tuple[str, str] | None:
        """Where a cell has no mark, the page's cursor is one."""
        if args.cursor in code:
            return None
        return frontend.cut_at_cursor(self.shell, code, self.ghosts.pages if self.ghosts else None)

    def _submit(self, request: Request, settings: Settings, *, wait: bool) -> tuple[Job, Page | None]:
        """Queue a request with its context; its page may still have to send the document for it."""
        request = self._notebook.seen_by_kernel(request, settings)
        page = None
        if settings.level != "none":
            pages = self.ghosts.pages if self.ghosts else None
            page = frontend.page_of(self.shell, wait=wait, pages=pages)
        if page is None:
            return manager().submit(request, is_ranked=True), None
        late = partial(self._notebook.seen_by_page, page, request, settings)
        return manager().submit(request, late=late, is_ranked=True), page

    def _serve(
        self, parts: tuple[str, ...], args: argparse.Namespace, form: FillInMiddle | None = None
    ) -> None:
        if not any(part.strip() for part in parts):
            raise UsageError("the cell is empty: write the beginning of some code in it")
        sampling = Sampling.of_options(args)
        check = check_option.read(args.check or (), self.shell.user_ns, args.language)
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
