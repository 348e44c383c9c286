"""Pages of the evaluation: running it (`campaigns`), the score sheets (`rubrics`), and scoring (`scoring`)."""
