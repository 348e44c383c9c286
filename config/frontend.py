"""Static files: the front-end packages that pages use, and how all static files are named for caching.

The packages come by `npm ci` into `node_modules` and are served as they are, under `vendor/`. Only the files
listed here are served. htmx comes with django-htmx.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.storage import HashedFilesMixin, ManifestStaticFilesStorage
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

_ICONS = "@tabler/icons-webfont/dist"

FILES = {
    "vendor/tabler/tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "vendor/tabler/tabler.min.js": "@tabler/core/dist/js/tabler.min.js",
    "vendor/icons/tabler-icons.min.css": f"{_ICONS}/tabler-icons.min.css",
    # Browsers take the first they know, woff2; the style sheet names all three, so all must exist.
    "vendor/icons/fonts/tabler-icons.woff2": f"{_ICONS}/fonts/tabler-icons.woff2",
    "vendor/icons/fonts/tabler-icons.woff": f"{_ICONS}/fonts/tabler-icons.woff",
    "vendor/icons/fonts/tabler-icons.ttf": f"{_ICONS}/fonts/tabler-icons.ttf",
    "vendor/echarts/echarts.min.js": "echarts/dist/echarts.min.js",
}
"""Where a file is served → where it lies in `node_modules`."""


class PackageStorage(FileSystemStorage):
    """Reads the listed files, and only those, under their served names."""

    def path(self, name: str) -> str:
        """The file's place on disk; unlisted names raise `FileNotFoundError`."""
        if name not in FILES:
            raise FileNotFoundError(name)
        return str(Path(settings.BASE_DIR, "node_modules", FILES[name]))


class FrontendPackagesFinder(BaseFinder):
    """Finds the files of `FILES` for the development server and for collectstatic."""

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """The listed file's place on disk, or nothing."""
        found = [PackageStorage().path(path)] if path in FILES else []
        return found if find_all else (found[0] if found else [])

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        """Every listed file; one that is missing stops the collection, because pages would break silently."""
        storage = PackageStorage()
        for name in FILES:
            if not Path(storage.path(name)).is_file():
                raise ImproperlyConfigured(f"缺少前端文件 {FILES[name]}：请在项目目录运行 npm ci。")
            yield name, storage


def _without_source_maps(patterns: Any) -> tuple[Any, ...]:
    return tuple(
        (glob, tuple(pattern for pattern in each if "sourceMappingURL" not in str(pattern))) for glob, each in patterns
    )


_PATTERNS = _without_source_maps(HashedFilesMixin.patterns)


class ManifestStorage(CompressedManifestStaticFilesStorage):
    """Names with a content hash, compressed; source maps are not served, so their mention is not followed."""

    patterns = _PATTERNS


class UncompressedManifestStorage(ManifestStaticFilesStorage):
    """The same names on the embedded services, where compressing would take longer than it ever saves."""

    patterns = _PATTERNS
