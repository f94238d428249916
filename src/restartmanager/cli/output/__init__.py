"""What the verbs print: for people, for programs, as documents."""
