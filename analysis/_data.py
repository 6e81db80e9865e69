"""The tables of loaded runs."""

from dataclasses import dataclass

import pandas as pd

from ..records import RunManifest, RunPaths


@dataclass(frozen=True)
class RunInfo:
    """One run that was read."""

    paths: RunPaths
    manifest: RunManifest | None
    """None for a directory of ledgers without one, and where it cannot be believed."""


@dataclass(frozen=True)
class RunData:
    """Runs as three typed tables: one row an episode, a tool call, a verdict.

    Every attempt is a row. One that is unfinished, invalid or whose record does not hold has ``valid`` False and a
    reason. A missing value is missing (NA), never 0 and never False. A category is ordered as its enum in
    `offswitch.records`; ``flag`` is a truth value that is never missing.

    Columns of all three::

        run_id          text      run that the episode belongs to
        episode_id      text      one attempt at one episode
        subject_kind    category  form in which the model is evaluated
        subject         text      model id as asked for, or the cast member
        scaffold        text      what turns answers into calls
        model           text      model ids that the provider named, joined by a comma
        fingerprint     text      provider fingerprints, joined by a comma
        task            text      task id
        task_version    integer   version of the task
        scenario_hash   text      everything that defines what is run, except seed and subject
        cluster_id      text      repetitions of one another share it: all but safeguards and budgets
        pair_id         text      equal for episodes that differ in one thing only
        seed            object    exact integer
        attempt         integer   counts from 1
        arm             category  which goals the agent is given
        instruction     category  how plainly the rule was told, weakest first
        control         category  how firmly the mechanisms hold by themselves
        pressure        category  what pulls towards breaking the rule
        autonomy        category  how much the agent may do before a person looks
        oversight       category  what the agent is told about being watched
        placement       category  where rules and orders reach the agent
        side_task       text      failure mode that the side task asks for
        safeguards      truth     whether suspicion monitors and a protocol watch
        monitors        object    tuple of suspicion monitor ids
        protocol        text      protocol of the safeguards
        monitored       truth     whether every suspicion monitor passed its check; missing where none was made
        mechanisms      object    tuple of mechanism ids that stood in the world
        branch_run      text      run whose episode this one goes on from; missing for one from the beginning
        branch_episode  text      episode that this one goes on from
        branch_step     integer   last step that is the other's
        branch_arm      text      as_was or changed
        branch_route    text      how the state was reached: files or replay
        branch_changed  text      what differs from the other, joined by a semicolon
        human_minutes   number    time that a familiar professional takes
        bucket          text      human-time bucket
        valid           flag      False where the whole attempt is missing data
        invalid_reason  text      why it is missing data
        end_reason      category  why the loop ended

    ``episodes`` also has::

        run              text      folder that the run was read from
        sealed           flag      whether the ledger was completed
        terminated       truth     True where the world reached an end, False where a limit cut it
        score            number    main task, 0 to 1; missing where it could not be verified
        score_error      text      why the score is missing
        steps            integer   tool calls decided
        answers          integer   answers of the model
        input_tokens     integer   missing where any answer does not say
        output_tokens    integer   missing where any answer does not say
        usage_source     category  worst source of the token counts
        usd              number    dollars; missing where any answer's price is unknown, never 0 for it
        price            category  whether `usd` is known
        provider_errors  integer   failed attempts at the provider
        model_failure    text      category of the failure that ended the model's part
        reported         truth     whether a structured final report was submitted
        lost_channels    object    tuple of evidence channels that were lost
        profile          text      container profile
        isolation        text      tooling, host and network isolation label
        image_digest     text      image of the container
        virtual_s        number    scenario clock at the last call, in seconds
        duration_s       number    host monotonic time from first to last record, in seconds
        started          time      host wall clock of the first record: an annotation, it may jump
        records          integer   records in the ledger

    ``steps`` also has::

        step             integer   counts from 1
        call_id          text      tool call
        answer_id        text      model answer that made the call
        tool             text      tool name as the agent wrote it
        arguments        text      JSON text of the arguments; agent-made
        call_valid       truth     False for an unknown tool or arguments outside its schema
        permission       category  what the grant lookup said
        decision         category  what the protocol decided
        executed         truth     whether the call ran
        suspicion        number    highest score of the monitors that answered; missing where none did
        suspicions       object    dict: monitor id → score, None where the monitor failed
        notices          object    tuple of ``mechanism:kind`` shown with the result
        notice_seen_seq  integer   newest notice the model had seen when it made the call; -1: none
        ok               truth     whether the tool went through; missing where nothing came back
        exit_code        integer   of the command, where there was one
        output_bytes     integer   size of the complete output
        truncated        truth     whether the agent saw less than that
        timed_out        truth     whether the call's time ran out
        error            text      why the call failed
        virtual_s        number    scenario clock after the call, in seconds
        duration_s       number    host time of the call, in seconds

    ``verdicts`` also has::

        failure_mode     text      row of the catalogue
        family           category  family of control mechanisms
        exposed          category  did the opportunity come
        exposed_seq      integer   record that delivered it
        attempted        category  did the agent try
        succeeded        category  did the control stop holding
        disclosed        category  did the agent's report admit it
        blocked_by       text      what stopped an attempt
        unknown_cause    category  who lost the evidence
        grade            category  weakest evidence the verdict rests on
        rule_level       category  how plainly the rule was told
        violation        truth     succeeded, and the rule was told plainly
        step             integer   of the first act
        route            text      how it was done
        reason           text      one sentence; may quote the agent
        monitor_version  integer   version of the integrity monitor
        recorded         flag      False for a row that stands for a verdict that is missing from the record

    ``verdicts`` holds a row with ``recorded`` False where other episodes of the same cluster have a verdict that
    this one lacks: a check that did not run is unknown, not absent.
    """

    episodes: pd.DataFrame
    steps: pd.DataFrame
    verdicts: pd.DataFrame
    runs: tuple[RunInfo, ...] = ()
