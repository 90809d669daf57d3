-- CRC-32C of each 16 KiB of the file, 4 bytes each, little endian. NULL for files that were written before there were any.
ALTER TABLE segments ADD COLUMN block_crc32c BLOB;

PRAGMA user_version = 3;
