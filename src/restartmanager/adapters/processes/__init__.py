"""Single processes: held, signalled, awaited, asked, described and started again."""
