"""How a page answers when an action refuses: the form again, with what was typed and what cures it."""

from django.forms import Form

from config.errors import Conflict, DomainError


def refused(form: Form, error: DomainError) -> int:
    """Put the refusal on the form; the status to answer with."""
    if not hasattr(form, "cleaned_data"):
        form.cleaned_data = {}  # a form that nothing was typed into can be refused too
        form.full_clean()
    form.add_error(None, error.message)
    return 409 if isinstance(error, Conflict) else 200
