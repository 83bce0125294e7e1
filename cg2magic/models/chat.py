"""Whether a model was trained to chat: it then likes to explain, and seldom ends where code does.

The name alone says little, since people rename folders. A chat template alone says little either: Qwen's base
models have one. A model that chats has a template, and ends its turns with a token for that, or is named so.
"""

from __future__ import annotations

import re

NOTE = "an instruct model, which may chat; a base model completes better"

_NAMED = re.compile(r"(?i)[-_. ](?:instruct|chat|it)(?![a-z])")
#: How the tokens are called that end a turn: <|im_end|>, <|eot_id|>, <|EOT|>, <end_of_turn>, <|end|>.
_ENDS_TURN = re.compile(r"(?i)im_end|eot|end_of_turn|end_of_role|\|end\|")


def notes_on_chat(name: str, eos_token: object, *, has_template: bool) -> tuple[str, ...]:
    """Return the note for a model that was made to chat; nothing for others.

    Parameters
    ----------
    name : str
        The model's name, Hub id or folder.
    eos_token : object
        The token that ends its texts, or None.
    has_template : bool
        Whether its tokenizer has a chat template.
    """
    chats = has_template and bool(_NAMED.search(name) or _ENDS_TURN.search(str(eos_token)))
    return (NOTE,) if chats else ()
