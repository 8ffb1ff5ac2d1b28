"""Check the answers before anything is written."""

import keyword
import re
import sys
import unicodedata

NAME = {{cookiecutter.project_name | tojson}}
SLUG = {{cookiecutter.project_slug | tojson}}
PACKAGE = {{cookiecutter.__package | tojson}}
DESCRIPTION = {{cookiecutter.description | tojson}}
AUTHOR = {{cookiecutter.author_name | tojson}}

EXAMPLE = "rooms-service"
LONGEST_SLUG = 40
# PEP 508, but a package's name starts with a letter.
SLUG_PATTERN = re.compile(r"[a-z]([a-z0-9._-]*[a-z0-9])?", re.IGNORECASE)
# Other names in the project's own folders.
OURS = {"conftest", "flavours", "manage", "scripts", "src", "tests"}
# Windows gives no file such a name, whatever follows a dot in it.
DEVICES = {"aux", "con", "nul", "prn"} | {
    f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)
}
# What either flavour brings along, as it is imported and as it is installed.
DEPENDENCIES = set(
    """
    _argon2_cffi_bindings _cffi_backend _ffi _hypothesis_ftz_detector _hypothesis_globals
    _hypothesis_pytestplugin _pytest _yaml annotated_doc annotated_types anyio argon2
    argon2_cffi argon2_cffi_bindings asgiref ast_serialize async_timeout certifi cffi cfgv
    channels channels_redis charset_normalizer click colorama coverage cryptography
    detect_secrets distlib dj_database_url django django_ninja django_stubs django_stubs_ext
    dotenv exceptiongroup execnet fastapi filelock grimp h11 hatchling httpcore2 httptools
    httpx2 hypothesis identify idna import_linter importlib_metadata importlinter iniconfig jwt
    librt markdown_it markdown_it_py mdurl msgpack mypy mypy_django_plugin mypy_extensions
    mypyc ninja nodeenv opentelemetry opentelemetry_api packaging pathspec pip platformdirs
    pluggy pre_commit prometheus_client pwdlib py pycparser pydantic pydantic_core
    pydantic_settings pygments pyjwt pytest pytest_asyncio pytest_cov pytest_django
    pytest_timeout pytest_xdist python_discovery python_dotenv pywin32 pyyaml redis requests
    rich ruff setuptools sortedcontainers sqlparse starlette tomli truststore types_channels
    types_pyyaml typing_extensions typing_inspection tzlocal urllib3 uv uvicorn uvloop
    virtualenv watchfiles websockets wheel whitenoise winloop xdist yaml zipp
    """.split()  # noqa: SIM905 (a hundred lines of one name each are no easier to read)
)


def check_characters(question: str, answer: str) -> None:
    """Let only characters pass that stay on a line."""
    for character in answer:
        if unicodedata.category(character) in {"Cc", "Zl", "Zp"}:
            reject(question, f"it takes no control characters such as {character!a}", "Rooms")


def check_name(name: str) -> None:
    """Let a name pass that can be read."""
    if not name.strip():
        reject("project_name", "it takes at least one character", "Rooms Service")


def check_slug(slug: str, package: str) -> None:
    """Let a name pass that can be installed, imported, and taken for nothing else."""
    if not SLUG_PATTERN.fullmatch(slug) or len(slug) > LONGEST_SLUG:
        reject(
            "project_slug",
            f"it takes up to {LONGEST_SLUG} letters, digits, - _ and ., "
            "with a letter first and a letter or digit last",
            EXAMPLE,
        )
    if slug.partition(".")[0].lower() in DEVICES:
        reject("project_slug", f"it takes no name that Windows reserves, as {slug} is", EXAMPLE)
    taken_by = {
        "a Python keyword": set(keyword.kwlist),
        "a module of the standard library": sys.stdlib_module_names,
        "a package that the service depends on": DEPENDENCIES,
        "a folder or module of the project": OURS,
    }
    for what, names in taken_by.items():
        if package in names:
            reject("project_slug", f"it takes no name of {what}, as {package} is", EXAMPLE)


def reject(question: str, rule: str, example: str) -> None:
    """End the generation with a word on what is allowed."""
    sys.exit(f"{question}: {rule}; for example: {example}")


if __name__ == "__main__":
    check_name(NAME)
    for question, answer in {
        "project_name": NAME,
        "project_slug": SLUG,
        "description": DESCRIPTION,
        "author_name": AUTHOR,
    }.items():
        check_characters(question, answer)
    check_slug(SLUG, PACKAGE)
