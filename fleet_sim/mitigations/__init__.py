"""What on-call can do about an incident, as files: the form, those that ship, and how one acts."""
