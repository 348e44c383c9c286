"""How dates and numbers are written on pages: 2026-03-05 in lists and forms, over Django's own for zh-hans."""
