-- +goose Up
create table projects (
    name        text primary key,
    max_running int not null default 10 check (max_running >= 0),
    created_at  timestamptz not null
);

create table tokens (
    id         uuid primary key,
    project    text references projects, -- null: of every project, for administration
    name       text not null,
    hash       bytea not null unique,    -- sha256 of the token, which is stored nowhere
    scopes     text[] not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz
);

create table profiles (
    name text primary key,
    spec json not null
);

create table runs (
    id               uuid primary key, -- version 7: in the order of submission
    project          text not null references projects,
    idempotency_key  text,
    request_hash     bytea not null,
    retry_of         uuid references runs,
    prompt           bytea not null,   -- UTF-8; text could not hold a NUL
    profile          text not null,
    spec             json not null,    -- the profile as it was then, with the run's own limits
    labels           jsonb not null,
    priority         int not null,
    max_attempts     int not null,

    state            text not null check (state in ('queued', 'starting', 'running', 'succeeded', 'failed', 'cancelled', 'timed_out')),
    attempt          int not null default 0,
    cancel_asked_at  timestamptz,
    not_before       timestamptz not null, -- of the next attempt
    reason           text not null default '',
    message          text not null default '',
    result           json,
    last_seq         bigint not null default 0,
    created_at       timestamptz not null,
    started_at       timestamptz,
    finished_at      timestamptz,
    unique (project, idempotency_key)
);
-- One small index for each question that is asked all the time.
create index runs_of_project on runs (project, id desc);
create index runs_by_label on runs using gin (labels jsonb_path_ops);
create index runs_queued on runs (project, priority desc, id) where state = 'queued'; -- a project at its limit is passed over at once
create index runs_active on runs (project) where state in ('starting', 'running');

create table attempts (
    run_id       uuid not null references runs,
    attempt      int not null,
    state        text not null check (state in ('pending', 'scheduled', 'claimed', 'ended', 'lost')),
    job_name     text not null unique,
    job_uid      text not null default '',
    pod_uid      text not null default '', -- of the pod that claimed it: no other speaks for it
    created_at   timestamptz not null,
    claimed_at   timestamptz,
    heartbeat_at timestamptz,
    deadline_at  timestamptz,
    ended_at     timestamptz,
    next_event   bigint not null default 1, -- the number of the runner's next event
    reason       text not null default '',
    message      text not null default '',
    primary key (run_id, attempt)
);
create index attempts_open on attempts (state) where state in ('pending', 'scheduled', 'claimed');

-- json and not jsonb: it is never searched, and jsonb cannot hold \u0000.
create table events (
    run_id  uuid not null,
    seq     bigint not null,
    attempt int not null,
    at      timestamptz not null,
    type    text not null,
    data    json not null,
    primary key (run_id, seq)
);

create table artifacts (
    run_id     uuid not null references runs,
    attempt    int not null,
    name       text not null,
    media_type text not null,
    bytes      bigint not null,
    sha256     bytea not null,
    content    bytea not null,
    primary key (run_id, attempt, name)
);
alter table artifacts alter column content set storage external; -- compressing costs more than it saves

-- Every report of events and every heartbeat writes these rows again: room in the
-- page keeps that in place, without a new index entry.
alter table runs set (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
alter table attempts set (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
