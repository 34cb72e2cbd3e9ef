-- What a lane learns of its account besides the rate of its exports: the rate of its reads, and that EC2 had too many copies
-- under way, so that its cap is lower for a while.

ALTER TABLE lanes ADD COLUMN learned_read_rate REAL CHECK (learned_read_rate > 0);
ALTER TABLE lanes ADD COLUMN lowered_cap INTEGER CHECK (lowered_cap >= 1);
ALTER TABLE lanes ADD COLUMN lowered_at INTEGER CHECK ((lowered_at IS NULL) = (lowered_cap IS NULL));
ALTER TABLE lanes ADD COLUMN lowered_code TEXT CHECK ((lowered_code IS NULL) = (lowered_cap IS NULL));
