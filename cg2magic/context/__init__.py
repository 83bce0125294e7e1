"""What the model sees besides the prompt: the rest of the notebook, and what the kernel knows.

`gather` turns the `Document` into a `Context`, which is only text; the engine chooses from it what fits.
"""

from cg2magic.context.document import Cell, Document
from cg2magic.context.gather import gather
from cg2magic.context.passages import Context, Passage
from cg2magic.context.settings import Settings

__all__ = ["Cell", "Context", "Document", "Passage", "Settings", "gather"]
