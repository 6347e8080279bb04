"""What pyproject.toml cannot say: the compiled kernel of the simulator, and the examples inside the package."""

import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

# Contraction of a * b + c would change last bits where the machine has it; -O3 turns the lanes into vectors.
FLAGS = ["/O2", "/fp:precise"] if sys.platform == "win32" else ["-O3", "-std=c11", "-ffp-contract=off"]


class BuildPackage(build_py):
    """Starts from nothing, so that no deleted file survives in build/, and adds the examples."""

    def run(self) -> None:
        """Builds the package's files."""
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        shutil.copytree("examples", Path(self.build_lib, "outgrow", "examples"))


setup(
    cmdclass={"build_py": BuildPackage},
    ext_modules=[
        Extension(
            "outgrow.sim._kernel",
            ["src/outgrow/sim/native/module.c"],
            depends=[str(file) for file in Path("src/outgrow/sim/native").glob("*.h")],
            define_macros=[("Py_LIMITED_API", "0x030b0000")],
            extra_compile_args=FLAGS,
            py_limited_api=True,
            optional=True,  # without a compiler the plain kernel gives equal numbers
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
