-- Up to which number of wrong guesses in a row the trail has been told: once a run, however often a request repeats.
ALTER TABLE "guess_lane" ADD COLUMN "told" SMALLINT NOT NULL DEFAULT 0;
