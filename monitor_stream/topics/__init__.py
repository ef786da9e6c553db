"""Topics as code: what is declared in `topics/*.yaml`, compared with a cluster and applied to it."""

from monitor_stream.topics.declaration import Declaration, declarations
from monitor_stream.topics.plan import Change, Existing, Plan
from monitor_stream.topics.reconcile import apply, check, diff, existing

__all__ = ["Change", "Declaration", "Existing", "Plan", "apply", "check", "declarations", "diff", "existing"]
