"""How the demo's data is made: templates in YAML, and what turns them into rows and documents."""
