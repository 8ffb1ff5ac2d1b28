import shutil
from pathlib import Path
from .project import Project

def copy(original, output):
    folder = output / original.slug
    folder.mkdir()
    for path in original.path.iterdir():
        if path.name == "src":
            shutil.copytree(path, folder / "src")
        elif path.name not in {".venv", ".git", ".hypothesis"}:
            (folder / path.name).symlink_to(path)
    return Project(folder, original.flavour)
