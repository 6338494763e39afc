-- What 0.1.0 made in an SQLite file, as sqlite_master had it.
CREATE TABLE ledger_head (
	id INTEGER NOT NULL,
	position BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE ledger_entry (
	position INTEGER NOT NULL,
	kind TEXT NOT NULL,
	node TEXT NOT NULL,
	epoch TEXT NOT NULL,
	first BIGINT NOT NULL,
	last BIGINT NOT NULL,
	received_at BIGINT NOT NULL,
	lane TEXT NOT NULL,
	raw BLOB NOT NULL,
	PRIMARY KEY (position)
);
CREATE UNIQUE INDEX ledger_entry_numbers ON ledger_entry (node, epoch, first, last) WHERE kind = 'batch';
CREATE TRIGGER ledger_entry_keeps_UPDATE BEFORE UPDATE ON ledger_entry
BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END;
CREATE TRIGGER ledger_entry_keeps_DELETE BEFORE DELETE ON ledger_entry
BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END;
CREATE TABLE uncounted (
	position BIGINT NOT NULL,
	"row" INTEGER NOT NULL,
	reason TEXT NOT NULL,
	window TEXT NOT NULL,
	admitted BIGINT,
	PRIMARY KEY (position, "row")
)
 WITHOUT ROWID;
CREATE INDEX uncounted_waiting ON uncounted (window, reason) WHERE admitted IS NULL;
CREATE TABLE hello (
	node TEXT NOT NULL,
	epoch TEXT NOT NULL,
	last BIGINT NOT NULL,
	at BIGINT NOT NULL,
	raw BLOB NOT NULL,
	PRIMARY KEY (node, epoch)
);
CREATE TABLE quarantine (
	id INTEGER NOT NULL,
	hour INTEGER NOT NULL,
	township TEXT NOT NULL,
	reason TEXT NOT NULL,
	digest TEXT NOT NULL,
	at BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	node TEXT NOT NULL,
	detail TEXT NOT NULL,
	size BIGINT NOT NULL,
	raw BLOB,
	count BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (hour, township, reason, digest)
);
CREATE INDEX quarantine_bytes ON quarantine (id) WHERE raw IS NOT NULL;
CREATE TABLE county (
	code TEXT NOT NULL,
	zh TEXT NOT NULL,
	en TEXT NOT NULL,
	short_zh TEXT NOT NULL,
	short_en TEXT NOT NULL,
	valid_from BIGINT NOT NULL,
	valid_to BIGINT,
	PRIMARY KEY (code, valid_from)
);
CREATE TABLE township (
	code TEXT NOT NULL,
	county TEXT NOT NULL,
	zh TEXT NOT NULL,
	en TEXT NOT NULL,
	short_zh TEXT NOT NULL,
	short_en TEXT NOT NULL,
	valid_from BIGINT NOT NULL,
	valid_to BIGINT,
	PRIMARY KEY (code, valid_from)
);
CREATE TABLE window (
	id TEXT NOT NULL,
	valid_from BIGINT NOT NULL,
	valid_to BIGINT,
	PRIMARY KEY (id, valid_from)
);
CREATE TABLE node (
	node TEXT NOT NULL,
	kind TEXT NOT NULL,
	township TEXT NOT NULL,
	"key" TEXT NOT NULL,
	valid_from BIGINT NOT NULL,
	valid_to BIGINT,
	PRIMARY KEY (node, valid_from)
);
CREATE TABLE node_config (
	node TEXT NOT NULL,
	version BIGINT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (node)
);
CREATE TABLE registry_head (
	id INTEGER NOT NULL,
	version BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE tally_minute (
	minute INTEGER NOT NULL,
	window TEXT NOT NULL,
	channel TEXT NOT NULL,
	satisfied BIGINT NOT NULL,
	basic BIGINT NOT NULL,
	dissatisfied BIGINT NOT NULL,
	PRIMARY KEY (minute, window, channel)
)
 WITHOUT ROWID;
CREATE TABLE tally_day (
	day TEXT NOT NULL,
	window TEXT NOT NULL,
	channel TEXT NOT NULL,
	satisfied BIGINT NOT NULL,
	basic BIGINT NOT NULL,
	dissatisfied BIGINT NOT NULL,
	PRIMARY KEY (day, window, channel)
)
 WITHOUT ROWID;
CREATE TABLE tally_city (
	minute INTEGER NOT NULL,
	channel TEXT NOT NULL,
	satisfied BIGINT NOT NULL,
	basic BIGINT NOT NULL,
	dissatisfied BIGINT NOT NULL,
	PRIMARY KEY (minute, channel)
)
 WITHOUT ROWID;
