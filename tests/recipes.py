"""The changes that a project's `docs/changing.md` shows, to be made for real."""

from dataclasses import dataclass
from typing import Self

from .project import Project

# What writes the files that a project makes of its code.
WRITE = ("uv", "run", "python", "-m", "scripts.written")


@dataclass(frozen=True)
class Edit:
    """Lines of a file, and what they become."""

    file: str
    old: str
    new: str

    def make(self, project: Project) -> None:
        """Make it; the file must hold the old lines once, or not exist if there are none."""
        path = project.path / self.file
        if not self.old:
            assert not path.exists(), f"{self.file} exists"
            path.write_text(self.new, encoding="utf-8")
            return
        text = path.read_text(encoding="utf-8")
        assert text.count(self.old) == 1, f"not once in {self.file}:\n{self.old}"
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


@dataclass(frozen=True)
class Recipe:
    """One section of the page."""

    title: str
    edits: tuple[Edit, ...]

    @classmethod
    def read(cls, project: Project) -> list[Self]:
        """Read all sections that show a change."""
        sections = (
            (project.path / "docs/changing.md").read_text(encoding="utf-8").split("\n## ")[1:]
        )
        found = [section.partition("```diff\n") for section in sections]
        return [
            cls(head.partition("\n")[0], edits(rest.partition("```")[0]))
            for head, shown, rest in found
            if shown
        ]

    def files(self, folder: str) -> set[str]:
        """Name the files below a folder that it changes."""
        return {edit.file for edit in self.edits if edit.file.startswith(folder)}


def make_all(project: Project) -> list[Recipe]:
    """Change a project as the whole page shows, and write what tells of it."""
    recipes = Recipe.read(project)
    for recipe in recipes:
        for edit in recipe.edits:
            edit.make(project)
    project.run(*WRITE)
    return recipes


def edits(diff: str) -> tuple[Edit, ...]:
    """Read the changes that a diff shows."""
    found = []
    for part in diff.split("--- ")[1:]:
        file, _, rest = part.partition("\n")
        for hunk in rest.split("@@\n"):
            lines = hunk.splitlines(keepends=True)
            old = "".join(line[1:] for line in lines if not line.startswith("+"))
            new = "".join(line[1:] for line in lines if not line.startswith("-"))
            found.append(Edit(file, old, new))
    return tuple(found)
