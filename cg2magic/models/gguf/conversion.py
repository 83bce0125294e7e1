"""A checkpoint in four or eight bits for llama.cpp: converted once, and kept with the int8 weights."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cg2magic.errors import LoadError
from cg2magic.models.export import export
from cg2magic.models.files import read_config
from cg2magic.models.gguf.binding import binding
from cg2magic.models.gguf.sources import GgufSource
from cg2magic.models.int8 import files
from cg2magic.models.locate import locate
from cg2magic.models.weights import Weights
from cg2magic.progress import Progress, Watch
from cg2magic.wording import one_line

#: The quantization for each precision: that of most files that people share, and the nearest to lossless.
QUANTS = {"q4": "Q4_K_M", "q8": "Q8_0"}


def converted(name: str, precision: str, groups: int | None, watch: Watch) -> GgufSource:
    """Return the file of a model in CodeGen's layout in four or eight bits; make it if there is none yet.

    Parameters
    ----------
    name : str
        A name of the catalog, an id of the Hub, or a folder.
    precision : {"q4", "q8"}
    groups : int or None
        Number of groups in its ``qkv_proj``, if the checkpoint doesn't say.
    watch : Watch

    Raises
    ------
    LoadError
        If it has another layout, or there is no room for it.
    """
    found = locate(name, watch.upto(0.5))
    kind = read_config(found.folder)["model_type"]
    if kind != "codegen":
        raise LoadError(
            f"{found.name}: {precision} is made of models in CodeGen's layout, and this is of type {kind}; "
            "load a GGUF of it, such as owner/name-GGUF:Q4_K_M"
        )
    parts = (found.folder / "config.json", *Weights(found.folder).files)
    path = files.path_for(found.name, parts, groups, precision, suffix=".gguf")
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(str(name), path, precision, groups, watch.upto(1.0))
    return GgufSource(found.name, path, found.source)


def _make(name: str, path: Path, precision: str, groups: int | None, watch: Watch) -> None:
    with tempfile.TemporaryDirectory(prefix=files.UNFINISHED, dir=path.parent) as place:
        # In float16: what it loses is far below what eight bits lose, and it is half the size on the way.
        outtype = "q8_0" if precision == "q8" else "auto"

        def told(progress: Progress) -> None:
            watch.check()
            watch.send(progress)

        folder = Path(place) / "out"
        export(name, folder, precision="fp16", groups=groups, gguf=True, outtype=outtype, progress=told)
        made = folder / "model.gguf"
        if precision == "q4":
            watch.check()
            small = Path(place) / "small.gguf"
            try:
                binding().quantize(made, small, QUANTS[precision])
            except (OSError, RuntimeError) as error:
                raise LoadError(f"{name} can't be quantized: {one_line(error)}; try --precision q8") from None
            made = small
        made.replace(path)
