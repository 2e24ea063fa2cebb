"""`python -m a3s_code` is the `a3s-code` command."""

from __future__ import annotations

from a3s_code.cli.main import main

raise SystemExit(main())
