"""Nobody needs a compiler: what a project installs has wheels where developers sit."""

import tomllib
from collections.abc import Iterator
from itertools import product

from packaging.requirements import Requirement
from packaging.tags import compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

from .project import ONCE, Project

PYTHONS = [(3, 11), (3, 12), (3, 13), (3, 14)]
_GLIBC = ["2014", *(f"_2_{minor}" for minor in range(5, 29))]
_MUSL = ["_1_1", "_1_2"]
# What Python calls each system and processor, and the platforms of wheels that run there.
MACHINES = {
    "Windows on x64": ("win32", "AMD64", ["win_amd64"]),
    "Windows on ARM": ("win32", "ARM64", ["win_arm64"]),
    "macOS 14 on Intel": ("darwin", "x86_64", list(mac_platforms((14, 0), "x86_64"))),
    "macOS 14 on ARM": ("darwin", "arm64", list(mac_platforms((14, 0), "arm64"))),
    "Linux on x64": ("linux", "x86_64", [f"manylinux{libc}_x86_64" for libc in _GLIBC]),
    "Linux on ARM": ("linux", "aarch64", [f"manylinux{libc}_aarch64" for libc in _GLIBC]),
    "Alpine on x64": ("linux", "x86_64", [f"musllinux{libc}_x86_64" for libc in _MUSL]),
    "Alpine on ARM": ("linux", "aarch64", [f"musllinux{libc}_aarch64" for libc in _MUSL]),
}
# What needs a compiler all the same, and how README says it.
WITHOUT_WHEEL = {
    "pyyaml for Python 3.11, Windows on ARM": (
        "On Windows on ARM, take Python 3.12 or newer: for 3.11 PyYAML needs a C compiler."
    ),
}


def test_all_that_is_installed_has_wheels_on_every_machine(project: Project) -> None:
    assert set(without_wheel(project)) <= WITHOUT_WHEEL.keys()


@ONCE
def test_readme_names_what_needs_a_compiler(project: Project) -> None:
    text = (project.path / "README.md").read_text(encoding="utf-8")
    assert all(said in text for said in WITHOUT_WHEEL.values())


def without_wheel(project: Project) -> Iterator[str]:
    """Find what the project's lock, which lists all wheels, has for some machine in source only."""
    lock = tomllib.loads((project.path / "uv.lock").read_text(encoding="utf-8"))
    wheels = {
        (package["name"], package["version"]): [
            parse_wheel_filename(wheel["url"].rpartition("/")[2])[3]
            for wheel in package.get("wheels", ())
        ]
        for package in lock["package"]
    }
    options = ("--no-hashes", "--no-emit-project", "--no-annotate", "--no-header")
    exported = project.run("uv", "export", "--quiet", "--frozen", *options).stdout
    requirements = [Requirement(line) for line in exported.splitlines()]
    for (machine, (system, processor, platforms)), python in product(MACHINES.items(), PYTHONS):
        number = ".".join(map(str, python))
        here = {
            "implementation_name": "cpython",
            "os_name": "nt" if system == "win32" else "posix",
            "platform_machine": processor,
            "platform_python_implementation": "CPython",
            "platform_system": {"win32": "Windows"}.get(system, system.title()),
            "python_full_version": f"{number}.0",
            "python_version": number,
            "sys_platform": system,
        }
        tags = {
            *cpython_tags(python, platforms=platforms),
            *compatible_tags(python, "cp" + number.replace(".", ""), platforms),
        }
        for one in requirements:
            (version,) = one.specifier
            if (one.marker is None or one.marker.evaluate(here)) and not any(
                tags & runs_with for runs_with in wheels[one.name, version.version]
            ):
                yield f"{one.name} for Python {number}, {machine}"
