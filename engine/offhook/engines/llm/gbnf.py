"""Grammars out of JSON schemas: llama-cpp-python's file for it, wherever our libllama came from."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache

from offhook.core import llama_folder


@cache
def schema_to_gbnf() -> Callable[[str], str]:
    """The function that makes GBNF of a JSON schema in JSON; it raises whatever a schema makes it raise.

    The file is loaded by itself: importing its package takes half a second and takes libllama's log away.
    Raises ImportError.
    """
    path = llama_folder() / "llama_grammar.py"
    spec = importlib.util.spec_from_file_location("offhook_llama_grammar", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is missing; install offhook again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[[str], str] = module.json_schema_to_gbnf
    return function
