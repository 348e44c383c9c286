"""`python -m config.embedded`: see config/embedded/command.py."""
import sys
from pathlib import Path
from config.embedded import services
with services(Path("var")) as env:
    for k,v in env.items(): print(f"export {k}='{v}'", flush=True)
    import signal
    if sys.argv[1:]==["serve"]: signal.sigwait([signal.SIGTERM, signal.SIGINT])
