"""Pure decisions: facts in, applications and plans out. Nothing here looks at the system."""
