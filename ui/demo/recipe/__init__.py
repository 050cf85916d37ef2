"""How the demo's data is written: templates in YAML, and what turns them into rows and documents; see `ui.demo.make_data`."""
