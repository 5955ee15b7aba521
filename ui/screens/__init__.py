"""One file a screen; each answers one question at a glance."""
