/**
 * Clears a lane of guesses, as part of a statement that begins what a right one is for.
 * @param key the parameter that holds its key; NULL clears none
 */
export const clearLane = (key: string) => `DELETE FROM guess_lane WHERE key = ${key}::bytea`
