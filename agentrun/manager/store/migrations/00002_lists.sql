-- +goose Up
-- A page of a project's runs in one state or with one profile is read by its index, however
-- many others there are. Not concurrently: a migration is whole or did not happen, and an
-- index that was given up half way would stay. Writing runs waits for as long as building
-- takes, some seconds for a million runs; what waits meanwhile is tried again.
create index runs_by_state on runs (project, state, id desc);
create index runs_by_profile on runs (project, profile, id desc);
