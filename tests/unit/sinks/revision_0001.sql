BEGIN TRANSACTION;
CREATE TABLE incident (
	fingerprint TEXT NOT NULL, 
	starts_ms BIGINT NOT NULL, 
	ends_ms BIGINT, 
	alertname TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	state TEXT NOT NULL, 
	stream TEXT NOT NULL, 
	rendition TEXT NOT NULL, 
	feature TEXT NOT NULL, 
	value DOUBLE, 
	threshold DOUBLE, 
	summary TEXT NOT NULL, 
	description TEXT NOT NULL, 
	segment_start_ms BIGINT, 
	evidence TEXT NOT NULL, 
	PRIMARY KEY (fingerprint, starts_ms)
);
INSERT INTO "incident" VALUES('17e9e662dd9288ae',1795262400250,NULL,'BlackPicture','critical','firing','news','720p','black_ratio',1.0,0.98,'the picture is black','for 5 s',1795262400250,'[]');
CREATE TABLE rendition_state (
	stream TEXT NOT NULL, 
	rendition TEXT NOT NULL, 
	codec TEXT, 
	width INTEGER, 
	height INTEGER, 
	frame_rate DOUBLE, 
	bitrate_bps DOUBLE, 
	first_start_ms BIGINT, 
	last_start_ms BIGINT, 
	last_duration_ms BIGINT, 
	state TEXT, 
	state_ms BIGINT, 
	detail TEXT, 
	PRIMARY KEY (stream, rendition)
)
 WITHOUT ROWID

;
INSERT INTO "rendition_state" VALUES('news','720p','h264',1280,720,25.0,2000000.0,1795262400250,1795262402250,2000,'down',1795262403250,'refused');
CREATE TABLE revision (
	id INTEGER NOT NULL, 
	value BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "revision" VALUES(1,2);
CREATE TABLE segment (
	stream TEXT NOT NULL, 
	rendition TEXT NOT NULL, 
	start_ms BIGINT NOT NULL, 
	sequence BIGINT NOT NULL, 
	duration_ms BIGINT NOT NULL, 
	discontinuity BOOLEAN NOT NULL, 
	bytes BIGINT NOT NULL, 
	frames_expected INTEGER NOT NULL, 
	frames_decoded INTEGER NOT NULL, 
	frames_sampled INTEGER NOT NULL, 
	frames_paired INTEGER NOT NULL, 
	decode_errors INTEGER NOT NULL, 
	codec TEXT NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	pixel_format TEXT NOT NULL, 
	frame_rate DOUBLE, 
	download_seconds DOUBLE, 
	score_seconds DOUBLE, 
	published_ms BIGINT, 
	failed TEXT NOT NULL, 
	PRIMARY KEY (stream, rendition, start_ms)
)
 WITHOUT ROWID

;
INSERT INTO "segment" VALUES('news','720p',1795262400250,100,2000,0,500000,50,49,10,9,1,'h264',1280,720,'yuv420p',25.0,0.25,0.5,1795262403250,'');
INSERT INTO "segment" VALUES('news','720p',1795262402250,101,2000,0,500000,50,49,10,9,1,'h264',1280,720,'yuv420p',25.0,0.25,0.5,1795262405250,'');
CREATE TABLE segment_score (
	stream TEXT NOT NULL, 
	rendition TEXT NOT NULL, 
	feature TEXT NOT NULL, 
	model TEXT NOT NULL, 
	start_ms BIGINT NOT NULL, 
	duration_ms BIGINT NOT NULL, 
	frames INTEGER NOT NULL, 
	coverage DOUBLE, 
	mean DOUBLE, 
	harmonic_mean DOUBLE, 
	min DOUBLE, 
	max DOUBLE, 
	p1 DOUBLE, 
	p5 DOUBLE, 
	p50 DOUBLE, 
	p95 DOUBLE, 
	stdev DOUBLE, 
	PRIMARY KEY (stream, rendition, feature, model, start_ms)
)
 WITHOUT ROWID

;
INSERT INTO "segment_score" VALUES('news','720p','psnr_y','psnr/1',1795262400250,2000,10,0.2,40.0,40.125,40.25,40.375,40.5,40.625,40.75,40.875,41.0);
INSERT INTO "segment_score" VALUES('news','720p','psnr_y','psnr/1',1795262402250,2000,10,0.2,41.0,41.125,41.25,41.375,41.5,41.625,41.75,41.875,42.0);
CREATE TABLE series (
	stream TEXT NOT NULL, 
	rendition TEXT NOT NULL, 
	feature TEXT NOT NULL, 
	model TEXT NOT NULL, 
	PRIMARY KEY (stream, rendition, feature, model)
)
 WITHOUT ROWID

;
INSERT INTO "series" VALUES('news','720p','psnr_y','psnr/1');
CREATE TABLE source_event (
	at_ms BIGINT NOT NULL, 
	digest TEXT NOT NULL, 
	stream TEXT NOT NULL, 
	rendition TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	value DOUBLE, 
	PRIMARY KEY (at_ms, digest)
)
 WITHOUT ROWID

;
INSERT INTO "source_event" VALUES(1795262403250,'140cefd8a4e9be0e','news','720p','down','','refused',0.0);
CREATE TABLE state (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "state" VALUES('alerts','{}');
CREATE TABLE vqmon_schema (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT vqmon_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO "vqmon_schema" VALUES('0001');
CREATE INDEX source_event_by_stream ON source_event (stream, at_ms);
CREATE INDEX incident_by_start ON incident (starts_ms);
COMMIT;
