"""What all tests share."""

import signal

from hypothesis import HealthCheck, settings

# Under nohup a hang-up is ignored, and the ignoring is inherited by what the tests start.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

settings.register_profile("offswitch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("offswitch")
