-- The longest that an accepted export of a lane was ever seen to be missing from the lists, in milliseconds.
ALTER TABLE lanes ADD COLUMN longest_delay INTEGER CHECK (longest_delay >= 0);
