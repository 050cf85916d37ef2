"""Parts of the pages: each draws one thing from what `ui.actions` and the context say."""
