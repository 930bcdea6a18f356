"""The bridge from setuptools to CMake, and nothing else.

pyproject.toml says what the project is; CMakeLists.txt how its native code is built.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent.resolve()


class CMakeBuild(build_ext):
    """Builds and installs the CMake component ``python`` where setuptools wants the extension."""

    def build_extension(self, ext: Extension) -> None:
        target = Path(self.get_ext_fullpath(ext.name)).parent.resolve()
        # An editable install gets a fresh build_temp each time; a fixed folder keeps builds incremental.
        build = ROOT / "build" / "cmake" / f"{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
        subprocess.run(
            ["cmake", "-S", ROOT, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
             "-DOFFHOOK_PYTHON=ON", "-DOFFHOOK_TESTS=OFF",
             f"-DOFFHOOK_EDITABLE={'ON' if self.editable_mode else 'OFF'}",
             f"-DOFFHOOK_LLAMA_LIBRARIES={os.environ.get('OFFHOOK_LLAMA_LIBRARIES', '')}",
             # Headers and package files of llama-cpp-python, where this Python has none of its own.
             *(f"-D{name}={os.environ[name]}" for name in ("OFFHOOK_LLAMA_PREFIX",) if os.environ.get(name)),
             f"-DPython_EXECUTABLE={sys.executable}"],
            check=True,
        )  # fmt: skip
        jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
        subprocess.run(["cmake", "--build", build, "-j", jobs], check=True)
        # setuptools takes only _core from there into an editable tree; kernels and launcher are needed, too.
        prefixes = [target, ROOT / "engine" / "offhook"] if self.editable_mode else [target]
        for prefix in prefixes:
            install = ["cmake", "--install", build, "--component", "python", "--prefix", prefix]
            subprocess.run(install, check=True)


setup(ext_modules=[Extension("offhook._core", sources=[])], cmdclass={"build_ext": CMakeBuild})
