"""How long tests wait for what must happen."""

from __future__ import annotations

#: In seconds. On an idle machine nothing takes a tenth of it, and a test has twice as long.
PATIENCE = 60.0
