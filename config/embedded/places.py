"""Where the embedded services keep their data, their sockets and their logs."""

import json
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from config.embedded.problem import ServiceError

# The account that runs the database when we are root, which PostgreSQL refuses to run as.
DATABASE_USER = "nobody"
# The kernel's limit for a Unix socket's path is 107 bytes; ".s.PGSQL.5432.lock" goes on top.
LONGEST_SOCKET_FOLDER = 80


@dataclass(frozen=True)
class Places:
    """The folders of one checkout's services; ``database_user`` is set only when we are root."""

    var: Path
    database: Path
    sockets: Path
    database_user: str | None

    @property
    def data(self) -> Path:
        """The database cluster itself."""
        return self.database / "data"

    @property
    def database_log(self) -> Path:
        """What the database server says; written by the account that runs it."""
        return self.database / "log" / "postgres.log"


def find_places(var_dir: Path) -> Places:
    """Return the folders of the checkout whose ignored folder is ``var_dir``, making what is missing.

    Their names are remembered in ``var_dir/places.json``. As root the database lives in a folder of
    its own outside the checkout, because its account must be able to read every folder above it.
    """
    make_usable(var_dir)
    known = _read(var_dir / "places.json")
    as_root = os.geteuid() == 0
    database = _database_outside(var_dir, known.get("database")) if as_root else var_dir / "postgres"
    database.mkdir(exist_ok=True)
    user = DATABASE_USER if as_root else None
    for folder in (database / "log",) if as_root else (database, database / "log"):
        # As root the folder itself stays ours: the database's account may read the programs, not change them.
        folder.mkdir(exist_ok=True)
        _give(folder, user)
    sockets = _socket_folder(var_dir, known.get("sockets"), user)
    remembered = {"database": str(database), "sockets": str(sockets)}
    if remembered != known:
        (var_dir / "places.json").write_text(json.dumps(remembered, indent=1), encoding="utf-8")
    return Places(var_dir, database, sockets, user)


def make_usable(var_dir: Path) -> None:
    """Make the ignored folder and what everybody expects in it; raises `ServiceError` where that is refused."""
    try:
        for name in ("log", "redis", "media"):
            (var_dir / name).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=var_dir):
            pass
    except OSError as error:
        raise ServiceError(
            f"Cannot write in {var_dir} ({error.strerror}): give it to this user, or set DATA_DIR to another folder."
        ) from None


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _database_outside(var_dir: Path, known: str | None) -> Path:
    """The database's folder for root; a copied checkout does not take the original's."""
    if known and _owner_of(Path(known)) == str(var_dir):
        return Path(known)
    base = Path(os.environ.get("EMBEDDED_HOME") or "/var/lib/dunmiao")
    try:
        base.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="db-", dir=base))
        folder.chmod(0o755)
        (folder / "checkout").write_text(str(var_dir), encoding="utf-8")
    except OSError as error:
        raise ServiceError(
            f"As root the database needs a folder below {base} ({error.strerror}): "
            "set EMBEDDED_HOME to a folder that every user may enter."
        ) from None
    return folder


def _owner_of(folder: Path) -> str | None:
    try:
        return (folder / "checkout").read_text(encoding="utf-8")
    except OSError:
        return None


def _socket_folder(var_dir: Path, known: str | None, user: str | None) -> Path:
    """A private folder with a short path: the remembered one while it is still ours."""
    if known and _is_private(Path(known), user) and _owner_of(Path(known)) == str(var_dir):
        return Path(known)
    parents = [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108 - short by need, made private
    parent = next((p for p in parents if len(os.fsencode(p)) < LONGEST_SOCKET_FOLDER - 20), None)
    if parent is None:
        raise ServiceError("No temporary folder has a path short enough for sockets: set TMPDIR.")
    folder = Path(tempfile.mkdtemp(prefix="dunmiao-", dir=parent))
    (folder / "checkout").write_text(str(var_dir), encoding="utf-8")
    _give(folder, user)
    return folder


def _is_private(folder: Path, user: str | None) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    owner = pwd.getpwnam(user).pw_uid if user else os.geteuid()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o077


def _give(folder: Path, user: str | None) -> None:
    folder.chmod(0o700)
    if user:
        try:
            shutil.chown(folder, user=user)
        except (LookupError, OSError) as error:
            raise ServiceError(f"Cannot give {folder} to the account {user}: {error}.") from None
