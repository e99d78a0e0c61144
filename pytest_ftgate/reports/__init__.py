"""A judged run becomes report.json, terminal text and Markdown."""
