"""How many examples Hypothesis tries: few, or with `--hypothesis-profile=deep` a thousand."""

from hypothesis import HealthCheck, settings

# A test's service serves all examples, and how long one takes is not what is tested.
_COMMON = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("quick", _COMMON, max_examples=20)
settings.register_profile("deep", _COMMON, max_examples=1_000)
settings.load_profile("quick")
