/** The catalogue's tables, step by step: step n brings a catalogue of version n to version n + 1. */

/** "WEIR": tells our SQLite files from others'. */
export const applicationId = 0x57454952

/** Ids are never given twice: a log record of a deleted logstore must not meet a new one. */
const version1 = `
  CREATE TABLE projects (
    name TEXT PRIMARY KEY, description TEXT NOT NULL, labels TEXT NOT NULL, created_at REAL NOT NULL
  ) STRICT;
  CREATE TABLE logstores (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL REFERENCES projects (name), name TEXT NOT NULL,
    columns TEXT NOT NULL, sort_by TEXT NOT NULL, ttl_days INTEGER NOT NULL, created_at REAL NOT NULL,
    covered INTEGER NOT NULL DEFAULT 0, -- its log records up to this sequence are in segments
    UNIQUE (project, name)
  ) STRICT;
  CREATE TABLE segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, logstore INTEGER NOT NULL REFERENCES logstores (id),
    path TEXT NOT NULL UNIQUE, -- below the data directory
    hour INTEGER NOT NULL, -- hours since 1970; every row's __time__ lies in it
    level INTEGER NOT NULL, -- 0 from the log, 1 merged, 2 the hour's final file
    rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
    time_min INTEGER NOT NULL, time_max INTEGER NOT NULL,
    sums TEXT NOT NULL, came_by REAL NOT NULL
  ) STRICT;
  CREATE INDEX segments_by_hour ON segments (logstore, hour);
  CREATE TABLE delivered ( -- numbers first to last of a run are stored
    logstore INTEGER NOT NULL REFERENCES logstores (id), flow_log TEXT NOT NULL, run TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (logstore, flow_log, run, first)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE pending_deletes (path TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE log_state (covered_through INTEGER NOT NULL) STRICT;
  INSERT INTO log_state VALUES (0);
  PRAGMA application_id = ${applicationId};
`

const version2 = `
  ALTER TABLE projects ADD COLUMN updated_at REAL NOT NULL DEFAULT 0;
  UPDATE projects SET updated_at = created_at;
  ALTER TABLE logstores ADD COLUMN updated_at REAL NOT NULL DEFAULT 0;
  UPDATE logstores SET updated_at = created_at;
  ALTER TABLE logstores ADD COLUMN open_columns INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE attributes ( -- JSON that others keep with a project (logstore 0) or a logstore
    project TEXT NOT NULL REFERENCES projects (name), logstore INTEGER NOT NULL, key TEXT NOT NULL,
    value TEXT NOT NULL, PRIMARY KEY (project, logstore, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE shards ( -- keys are 32 hex digits; readonly_at is the second of the split or merge
    logstore INTEGER NOT NULL REFERENCES logstores (id), id INTEGER NOT NULL,
    begin_key TEXT NOT NULL, end_key TEXT NOT NULL, created_at REAL NOT NULL, readonly_at REAL,
    PRIMARY KEY (logstore, id)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO shards
    SELECT id, 0, '00000000000000000000000000000000', 'ffffffffffffffffffffffffffffffff',
      created_at, NULL FROM logstores;
  ALTER TABLE segments ADD COLUMN receive_min REAL NOT NULL DEFAULT 0; -- came_by is the greatest
  ALTER TABLE segments ADD COLUMN checksum TEXT; -- of its bytes; those of version 1 have none
  ALTER TABLE segments ADD COLUMN damage TEXT; -- why no query may read it
  CREATE INDEX segments_by_receipt ON segments (logstore, came_by);
  ALTER TABLE log_state ADD COLUMN received_through REAL NOT NULL DEFAULT 0;
  UPDATE log_state SET received_through = coalesce((SELECT max(came_by) FROM segments), 0);
  ALTER TABLE log_state ADD COLUMN sealed_through REAL NOT NULL DEFAULT 0;
`

/** What was in segments before is taken as stored; what had expired is not known, and adds up to nothing. */
const version3 = `
  ALTER TABLE logstores ADD COLUMN stored_rows INTEGER NOT NULL DEFAULT 0; -- ever put into segments
  ALTER TABLE logstores ADD COLUMN expired_rows INTEGER NOT NULL DEFAULT 0; -- of these dropped by retention
  UPDATE logstores SET stored_rows =
    (SELECT coalesce(sum(rows), 0) FROM segments WHERE segments.logstore = logstores.id);
`

const version4 = `
  ALTER TABLE logstores ADD COLUMN rollups TEXT NOT NULL DEFAULT '[]';
  CREATE TABLE rollups ( -- totals of a segment in a file of their own; one that is damaged is dropped
    segment INTEGER NOT NULL REFERENCES segments (id), name TEXT NOT NULL,
    path TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL, checksum TEXT NOT NULL,
    PRIMARY KEY (segment, name)
  ) STRICT, WITHOUT ROWID;
`

/** A file of totals may be of many segments then: it has a row of the table for each of them. */
const version5 = `
  CREATE TABLE rollup_parts (
    segment INTEGER NOT NULL REFERENCES segments (id), name TEXT NOT NULL,
    path TEXT NOT NULL, bytes INTEGER NOT NULL, checksum TEXT NOT NULL,
    parts INTEGER NOT NULL, -- segments it was made of
    PRIMARY KEY (segment, name)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO rollup_parts SELECT segment, name, path, bytes, checksum, 1 FROM rollups;
  DROP TABLE rollups;
  ALTER TABLE rollup_parts RENAME TO rollups;
  CREATE INDEX rollups_by_path ON rollups (path);
  CREATE INDEX rollups_alone ON rollups (segment, name) WHERE parts = 1;
  CREATE INDEX rollups_joined ON rollups (segment, name) WHERE parts > 1;
`

/** A Weir that does not know of it would read such files without these columns. */
const version6 = `
  ALTER TABLE segments ADD COLUMN same_as_time TEXT NOT NULL DEFAULT '[]'; -- columns that its file leaves out
`

export const schemaSteps: readonly string[] = [
  version1,
  version2,
  version3,
  version4,
  version5,
  version6,
]
