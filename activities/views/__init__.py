"""Pages of the class's record: gathering, filing, review, and the cadre's own."""
