"""A copy of ONNX Runtime that believes what other_cpu.c says of the processor: for ``make test-kernels``.

    python tests/kernels/patch.py FOLDER    (needs binutils and a C compiler, x86-64)

FOLDER gets ``onnxruntime`` (its files are links but for the one library that computes) and ``other_cpu.so``.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

CPUID, UD2 = b"\x0f\xa2", b"\x0f\x0b"
"""Two bytes each: nothing else moves."""


def sections(library: Path) -> list[tuple[int, int, int]]:
    """Code of ``library``: (address, offset in the file, size)."""
    shown = subprocess.run(
        ["objdump", "--section-headers", "--wide", library], capture_output=True, text=True, check=True
    ).stdout
    found = re.findall(r"^ *\d+ \S+ +(\w+) +(\w+) +\w+ +(\w+) .*\bCODE\b", shown, re.MULTILINE)
    return [(int(address, 16), int(offset, 16), int(size, 16)) for size, address, offset in found]


def without_cpuid(library: Path, target: Path) -> int:
    """Write ``library`` with each ``cpuid`` made illegal; how many there were."""
    shown = subprocess.run(
        ["objdump", "--disassemble", "--no-show-raw-insn", library],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    code = bytearray(library.read_bytes())
    places = [int(at, 16) for at in re.findall(r"^ *([0-9a-f]+):\s+cpuid\b", shown, re.MULTILINE)]
    parts = sections(library)
    for place in places:
        (at,) = (place - start + offset for start, offset, size in parts if start <= place < start + size)
        assert code[at : at + 2] == CPUID
        code[at : at + 2] = UD2
    target.unlink(missing_ok=True)
    target.write_bytes(code)
    return len(places)


def main(folder: Path) -> None:
    found = importlib.util.find_spec("onnxruntime")
    assert found is not None
    assert found.origin is not None, "onnxruntime is part of the development environment"
    source, target = Path(found.origin).parent, folder / "onnxruntime"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=lambda file, place: Path(place).symlink_to(file))
    (library,) = target.glob("capi/onnxruntime_pybind11_state*.so")
    count = without_cpuid(library.resolve(), library)
    assert count, f"{library.resolve()} does not ask for the processor"
    code = Path(__file__).with_name("other_cpu.c")
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, code, "-o", folder / "other_cpu.so"], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
