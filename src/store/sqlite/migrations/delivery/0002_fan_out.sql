-- Names the state of what decides who gets an event: whoever has read the filters under this number
-- need not read them again while it stays. Each change draws a random number, so that one that was
-- undone, or that a restored backup brings back, never stands for another state.
CREATE TABLE tas_fan_out (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    generation  INTEGER NOT NULL
) STRICT;

INSERT INTO tas_fan_out (one, generation) VALUES (1, random());

CREATE TRIGGER tas_fan_out_insert AFTER INSERT ON tas_endpoints BEGIN
    UPDATE tas_fan_out SET generation = random();
END;

CREATE TRIGGER tas_fan_out_update AFTER UPDATE OF seq, filter, disabled_at ON tas_endpoints BEGIN
    UPDATE tas_fan_out SET generation = random();
END;

CREATE TRIGGER tas_fan_out_delete AFTER DELETE ON tas_endpoints BEGIN
    UPDATE tas_fan_out SET generation = random();
END;
