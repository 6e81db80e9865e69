"""Whoever imports offswitch and Gymnasium, in whatever order, finds the environments registered once."""

import json
import subprocess
import sys
import textwrap

import pytest

IDS = ["offswitch/Backfill-v0", "offswitch/DiskRescue-v0"]


def told_by(code: str) -> object:
    """What a fresh interpreter prints as JSON, warnings being errors."""
    script = "import json, sys\n" + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("imports", ["import offswitch, gymnasium", "import gymnasium, offswitch"])
def test_both_orders_of_import_register_both_ids(imports: str) -> None:
    found = told_by(f"{imports}\nprint(json.dumps([name for name in gymnasium.registry if 'offswitch' in name]))")
    assert found == IDS


def test_offswitch_alone_loads_no_gymnasium() -> None:
    assert told_by("import offswitch\nprint(json.dumps('gymnasium' in sys.modules))") is False


def test_a_part_of_gymnasium_imported_first_registers_too() -> None:
    code = """
        import offswitch
        from gymnasium.envs.registration import registry
        print(json.dumps([name for name in registry if 'offswitch' in name]))
    """
    assert told_by(code) == IDS


def test_after_the_import_nothing_of_ours_is_left_in_the_import_system() -> None:
    code = """
        import offswitch, gymnasium, importlib.util
        ours = [type(finder).__module__ for finder in sys.meta_path if 'offswitch' in type(finder).__module__]
        loaders = gymnasium.__loader__, importlib.util.find_spec('gymnasium').loader
        print(json.dumps([ours, *(type(loader).__name__ for loader in loaders)]))
    """
    assert told_by(code) == [[], "SourceFileLoader", "SourceFileLoader"]


def test_looking_for_gymnasium_without_importing_it_changes_nothing() -> None:
    code = """
        import offswitch, importlib.util
        importlib.util.find_spec('gymnasium')
        before = 'gymnasium' in sys.modules
        import gymnasium
        print(json.dumps([before, 'offswitch/Backfill-v0' in gymnasium.registry]))
    """
    assert told_by(code) == [False, True]


def test_without_gymnasium_offswitch_imports_and_gymnasium_is_plainly_missing() -> None:
    code = """
        class Absent:
            def find_spec(self, name, path=None, target=None):
                if name == 'gymnasium':
                    raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, Absent())
        import offswitch
        try:
            import gymnasium
        except ModuleNotFoundError as error:
            print(json.dumps([offswitch.__version__ != '', str(error)]))
    """
    assert told_by(code) == [True, "gymnasium"]


def test_a_gymnasium_that_was_blocked_does_not_break_our_import() -> None:
    assert (
        told_by("sys.modules['gymnasium'] = None\nimport offswitch\nprint(json.dumps(offswitch.__name__))")
        == "offswitch"
    )


def test_registering_again_adds_nothing_and_warns_nobody() -> None:
    code = """
        import gymnasium, offswitch
        before = gymnasium.spec('offswitch/Backfill-v0')
        from offswitch._registration import register_with_gymnasium
        register_with_gymnasium()
        print(json.dumps(gymnasium.spec('offswitch/Backfill-v0') is before))
    """
    assert told_by(code) is True


def test_an_error_inside_gymnasium_is_its_own_and_a_second_try_registers() -> None:
    code = """
        import offswitch, builtins, importlib
        real, calls = builtins.__import__, []
        def failing(name, *rest):
            if name == 'gymnasium.core' or (rest and name == 'core'):
                calls.append(name)
            if name.startswith('gymnasium') and len(calls) == 1 and not failing.done:
                failing.done = True
                raise RuntimeError('broken')
            return real(name, *rest)
        failing.done = False
        builtins.__import__ = failing
        try:
            import gymnasium
        except RuntimeError:
            pass
        builtins.__import__ = real
        for name in [n for n in sys.modules if n.split('.')[0] == 'gymnasium']:
            del sys.modules[name]
        import gymnasium
        print(json.dumps([failing.done, 'offswitch/Backfill-v0' in gymnasium.registry]))
    """
    assert told_by(code) == [True, True]


def test_a_registered_environment_is_data() -> None:
    """Entry points are strings and the arguments survive JSON, so a spec can be stored and sent."""
    code = """
        import offswitch, gymnasium
        spec = gymnasium.spec('offswitch/DiskRescue-v0')
        again = type(spec).from_json(spec.to_json())
        print(json.dumps([spec.entry_point, spec.vector_entry_point, spec.kwargs, spec.nondeterministic,
                          spec.max_episode_steps, again == spec]))
    """
    assert told_by(code) == [
        "offswitch.tasks:control_env",
        "offswitch.tasks:control_vector_env",
        {"task": "diskrescue"},
        False,
        None,
        True,
    ]


def test_asking_the_front_door_for_what_it_has_not_is_an_attribute_error() -> None:
    import offswitch

    misspelt = "verison"
    with pytest.raises(AttributeError, match="no attribute 'verison'"):
        getattr(offswitch, misspelt)
