from test_e2e_verdicts import *
from e2e_world import World
import pytest


@pytest.mark.parametrize("schema", ["unsupported", "enforced"])
def test_try(world: World, schema):
    with world.serve(script(wordy, schema=schema)) as server:
        world.write("tickets", evalset(50, arms=ARMS[1:], repeats=2) | {"models": served_by(server)})
        for args in ((), ("-n", "2"), ("-n", "2", "--dist", "load")):
            r = world.run("--ftgate-refresh", *args, subprocess=bool(args))
            print(
                "{",
                args,
                r.ret,
                decision(world),
                [(a["arm"], a["status"], a["schema_enforced"]) for a in world.entry()["arms"]],
                server.count,
            )
            if r.ret:
                print("{", "\n".join(r.outlines[-15:]))
