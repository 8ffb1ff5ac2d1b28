"""Django's settings; what an operator sets stands in `Config` and comes from the environment."""

import warnings
from http import HTTPStatus

import dj_database_url

from ..config import Config
from ..rooms.backends.redis.client import Keyspace
from ..rooms.config import load_config
from ..server.log_queue import STDERR
from ..server.logs import line_format, written_to
from . import page

SERVICE = load_config(Config)

SECRET_KEY = SERVICE.secret_key
DEBUG = SERVICE.debug
# The guard in front checks them, for sockets too.
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = [
    # Before staticfiles, whose runserver it replaces.
    __package__,
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    f"{__package__}.middleware.json_errors",
    "django.middleware.security.SecurityMiddleware",
    f"{__package__}.middleware.Files",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = f"{__package__}.urls"
ASGI_APPLICATION = f"{__package__}.asgi.application"

# What other Django code publishes through: see layer.py.
_layer: dict[str, object] = {"behind": "channels.layers.InMemoryChannelLayer"}
if SERVICE.redis_url is not None:
    _layer = {
        "behind": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "hosts": [SERVICE.redis_url],
        "prefix": Keyspace.of(SERVICE.redis_url, SERVICE.redis_prefix).channel("layer:"),
    }
CHANNEL_LAYERS = {"default": {"BACKEND": f"{__package__}.layer.RoomLayer", "CONFIG": _layer}}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Under ASGI a connection that outlives its request is lost with its thread, so none does.
DATABASES = {"default": dj_database_url.parse(SERVICE.database_url, conn_max_age=0)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # pragma: no branch (tests)
    # Readers and a writer at once, and writers that wait for each other rather than fail.
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

USE_TZ = True
TIME_ZONE = "UTC"

# The guard limits bodies in both flavours.
DATA_UPLOAD_MAX_MEMORY_SIZE = None
# As many as a head has bytes.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 32_768

STATIC_URL = "static/"
STATICFILES_DIRS = [page.STATIC]
# Static files are served from where they lie: nothing to collect before a start.
WHITENOISE_USE_FINDERS = True
WHITENOISE_MIMETYPES = page.TYPES
# ALLOWED_ORIGINS says whose pages may read them.
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Django would rather be given files asynchronously; WhiteNoise's are small and read at once.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # The access log has a line for each other answer.
    "filters": {
        "failures": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: record.status_code == HTTPStatus.INTERNAL_SERVER_ERROR,
        }
    },
    "formatters": {"line": line_format(debug=DEBUG)},
    "handlers": {"console": written_to(STDERR, "line")},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO"},
        "django.request": {"filters": ["failures"]},
    },
}

if not DEBUG:
    # The admin insists on TLS, which a proxy in front ends; the API and the sockets leave that
    # to the proxy.
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^(?!admin/)"]
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 3600
    # These speak for all subdomains, which this service does not.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
