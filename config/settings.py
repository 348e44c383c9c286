"""All settings; every value that differs between installations comes from the environment (docs/deployment.md)."""

import os
from pathlib import Path
from typing import Any

import environ
import pghistory
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config.logging import LOGGING as LOGGING

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

EMBEDDED = env.bool("EMBEDDED", default=False)
"""True on the embedded services of `make run` and `make test`; never in production."""
DEBUG = env.bool("DEBUG", default=False)
if DEBUG and not EMBEDDED:
    raise ImproperlyConfigured("生产环境不能打开 DEBUG：请去掉环境变量 DEBUG。")
DEMO_ACCOUNTS = EMBEDDED and env.bool("DEMO_ACCOUNTS", default=False)
"""Demonstration accounts keep their printed password; only on embedded services."""


def secret(name: str) -> str:
    """A value that must be set; the process refuses to start without it."""
    value = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"缺少环境变量 {name}：没有它不能启动，见 docs/deployment.md。")
    return value


SECRET_KEY = secret("SECRET_KEY")
FIELD_KEYS = secret("FIELD_KEYS").split(",")
"""Keys of encrypted fields, `id:base64 of 32 bytes` each; the first encrypts, all decrypt."""
INDEX_KEY = secret("INDEX_KEY")
"""Key of the blind indexes over encrypted fields; separate from FIELD_KEYS, never rotated without a rebuild."""
CHECKPOINT_KEY = secret("CHECKPOINT_KEY")
"""Ed25519 seed (base64 of 32 bytes) that signs the checkpoints of the audit trail."""
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var")))
if not EMBEDDED:  # the code may lie where nothing can be written: what numba compiles is kept with the data
    os.environ.setdefault("NUMBA_CACHE_DIR", str(DATA_DIR / "compiled"))
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if EMBEDDED else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
COUNTY_NAME = env.str("COUNTY_NAME", default="青禾县")

INSTALLED_APPS = [
    "config.apps.DunmiaoAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.forms",
    "axes",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "django_htmx",
    "pgtrigger",
    "pghistory",
    "accounts",
    "office",
    "cadres",
    "bases",
    "batches",
    "activities",
    "evaluations",
    "reports",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.RequestId",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.IdleTimeout",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "accounts.middleware.FirstPassword",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "pghistory.middleware.HistoryMiddleware",
    "config.middleware.DomainErrors",
    "accounts.middleware.DeniedTrail",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "office.context.shell",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"

# Database: pages and jobs sign in as the web role, which owns nothing; the schema is changed by the owner.
DATABASE_AS_OWNER = env.bool("DATABASE_AS_OWNER", default=False)
secret("DATABASE_URL")


def _database(name: str) -> dict[str, Any]:
    """What an address says; the folder of a socket (`?host=…`) stands as the host, where psql (`dbshell`) looks for it, too."""
    found: dict[str, Any] = env.db(name)
    if folder := found.get("OPTIONS", {}).pop("host", None):
        found["HOST"] = folder
    return found


_web = _database("DATABASE_URL")
_owner = _database("DATABASE_OWNER_URL") if "DATABASE_OWNER_URL" in os.environ else _web
DATABASE_WEB_ROLE = _web["USER"] if _web["USER"] != _owner["USER"] else ""
"""Name of the web role, to which rights are granted after each migration; empty where one role does everything."""
DATABASES = {
    "default": {
        **(_owner if DATABASE_AS_OWNER else _web),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
        "TEST": {"NAME": f"test_dunmiao{env.str('TEST_DB_SUFFIX', default='')}"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PGHISTORY_CREATED_AT_FUNCTION = "clock_timestamp()"
PGHISTORY_DEFAULT_TRACKERS = (pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
PGHISTORY_MIDDLEWARE_METHODS = ("POST", "PUT", "PATCH", "DELETE")

# Redis: a bell and a cache, never the truth.
REDIS_URL = secret("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.str("CACHE_URL", default=REDIS_URL),
        "KEY_PREFIX": "dm",
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_DEFAULT_QUEUE = env.str("JOB_QUEUE", default="dunmiao")
"""Where the bell hangs: two installations on one Redis each name their own."""
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3660,
    "socket_timeout": 2,
    "socket_connect_timeout": 1,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 3600
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "Asia/Shanghai"

LANGUAGE_CODE = "zh-hans"
TIME_ZONE = "Asia/Shanghai"
USE_I18N = True
FORMAT_MODULE_PATH = "config.formats"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "config.frontend.FrontendPackagesFinder",
]
MEDIA_ROOT = DATA_DIR / "media"
MEDIA_URL = "media/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": env.str("STATICFILES_STORAGE", default="config.frontend.ManifestStorage"),
    },
}
FILE_UPLOAD_PERMISSIONS = 0o640
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

# Signing in
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "reports:home"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.passwords.ThreeKindsValidator"},
]
IDLE_SECONDS = env.int("IDLE_SECONDS", default=30 * 60)
"""Seconds without any act of a person after which the session ends (polling does not count)."""
SESSION_COOKIE_AGE = 12 * 3600
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username"]]  # an office shares one address: nginx slows a whole address down
AXES_LOCKOUT_CALLABLE = "accounts.views.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
"""Trying again too early does not make the wait longer: the page has told how long it is."""
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False
AXES_IPWARE_PROXY_COUNT = env.int("PROXY_COUNT", default=0)

# Headers
SECURE_TLS = env.bool("SECURE_TLS", default=not EMBEDDED)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SECURE_TLS
SECURE_HSTS_SECONDS = 31536000 if SECURE_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_TLS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "config.errors_views.csrf_failure"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "worker-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
SILENCED_SYSTEM_CHECKS = ["axes.W006"]  # by name alone on purpose: see AXES_LOCKOUT_PARAMETERS
