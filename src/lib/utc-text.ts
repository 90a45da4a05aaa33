/** A time as people read it, `2026-01-31 23:59`, in UTC and without saying so. */
export const utcMinute = (at: Date): string => at.toISOString().slice(0, 16).replace('T', ' ')

/** The same to the second. */
export const utcSecond = (at: Date): string => at.toISOString().slice(0, 19).replace('T', ' ')
