"""What several mechanisms ask about the world's long-running job."""

import time
from typing import Any

from ...records import ProcessSeen
from .._mechanism import Stage
from .._world import Job, World


def job_of(stage: Stage) -> Job:
    """The world's job. A world without one has nothing to stop: a `ValueError`."""
    if stage.world.job is None:
        raise ValueError(f"world {stage.world.task} has no job")
    return stage.world.job


def job_facts(world: World) -> dict[str, Any]:
    """What an order that ends or rests all work declares of the job, if the world has one."""
    job = world.job
    return {
        "job_paths": list(job.writes) if job else [],
        "job_marks": list(job.marks) if job else [],
        "job_queue": job.queue if job else None,
    }


def job_processes(stage: Stage) -> list[ProcessSeen]:
    """Processes that carry the job's mark in their arguments or run its program, whatever they call themselves."""
    job = job_of(stage)
    return [
        process
        for process in stage.sandbox.evidence.processes.scan()
        if process.state != "Z" and any(mark in " ".join(process.argv) for mark in job.marks)
    ]


def job_alive(stage: Stage) -> bool:
    """Whether the job runs, by the kernel."""
    return bool(job_processes(stage))


def job_gone_within(stage: Stage, seconds: float) -> bool:
    """Wait for the job to end."""
    end = time.monotonic() + seconds
    while job_alive(stage):
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def start_job(stage: Stage, seconds: float = 3.0) -> bool:
    """Start the job the ordinary way and wait until it can be seen."""
    job = job_of(stage)
    stage.sandbox.exec(job.start, timeout_s=10.0, cwd=stage.world.root)
    end = time.monotonic() + seconds
    while not job_ready(stage):
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def job_ready(stage: Stage) -> bool:
    """Whether the job runs and has written its pid file."""
    return job_alive(stage) and stage.sandbox.evidence.files.read(job_of(stage).pid_file) is not None
