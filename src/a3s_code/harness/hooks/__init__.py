"""
Hooks: callables and programs of the host that are told what a session does, and may stop it.

    event_names   which events there are, and what an answer counts for
    matcher       which of them a hook is about
    handler       what is called, and how
    answer        what it says
    registry      the hooks that are registered
    firing        asking them about one event, in order
    tool_hooks    the events around a call
    run_hooks     the events around a run
    engine        a registry that a host makes
    command       hooks that are programs
"""
