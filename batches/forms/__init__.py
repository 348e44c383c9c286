"""Forms of the session pages, by subject. An `ActForm` carries its act out by one action."""
