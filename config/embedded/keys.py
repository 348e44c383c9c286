"""The secrets of a checkout: made once, kept in a file that only its owner can read."""

import base64
import os
import secrets
from pathlib import Path

from config.embedded.problem import ServiceError

# What the application reads from its environment.
APPLICATION_KEYS = ("SECRET_KEY", "FIELD_KEYS", "INDEX_KEY", "CHECKPOINT_KEY")
# What only the embedded database uses: its superuser, the owner of the tables, the web role.
DATABASE_KEYS = ("PG_SUPERUSER_PASSWORD", "PG_OWNER_PASSWORD", "PG_WEB_PASSWORD")


def load_secrets(var_dir: Path, *, data_exists: bool) -> dict[str, str]:
    """Return the secrets of this checkout, making them the first time.

    Keys are random bytes in base64, 32 unless the framework asks for more; ``FIELD_KEYS`` is ``id:key``. With ``data_exists`` a
    missing file is an error: new keys could neither open nor read what is already stored.
    """
    path = var_dir / "secrets.env"
    if not path.exists():
        if data_exists:
            raise ServiceError(
                f"{path} is gone, and without it the stored data cannot be read: "
                "put it back, or remove the whole folder to start afresh."
            )
        _write(path, _make())
    values = dict(line.split("=", 1) for line in path.read_text(encoding="ascii").splitlines())
    missing = [name for name in (*APPLICATION_KEYS, *DATABASE_KEYS) if not values.get(name)]
    if missing:
        raise ServiceError(f"{path} lacks {', '.join(missing)}: put the file back as it was.")
    return values


def _make() -> dict[str, str]:
    values = {name: base64.b64encode(secrets.token_bytes(32)).decode("ascii") for name in APPLICATION_KEYS}
    values["SECRET_KEY"] = secrets.token_urlsafe(48)  # the framework asks for at least 50 characters
    # Passwords stand in addresses, where base64 would need quoting.
    values |= {name: secrets.token_hex(32) for name in DATABASE_KEYS}
    values["FIELD_KEYS"] = f"k1:{values['FIELD_KEYS']}"
    return values


def _write(path: Path, values: dict[str, str]) -> None:
    text = "".join(f"{name}={value}\n" for name, value in values.items())
    # Written beside and renamed, so that an interrupted start leaves no half file behind.
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.rename(path)
