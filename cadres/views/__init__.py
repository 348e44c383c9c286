"""Pages of the import centre and pages about people."""
