"""Files of instructions that a project brings along: AGENTS.md, and what stands in for it."""
