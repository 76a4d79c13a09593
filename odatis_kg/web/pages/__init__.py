"""Pages for people: what a page shows, gathered here; how it looks is in the templates."""
